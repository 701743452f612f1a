import { describe, expect, it } from 'vitest';
import { address } from '../../../test/contract/sample-message.ts';
import { sampleSender } from '../../../test/simulation/catalog.ts';
import { accessRules } from '../access/access-rules.ts';
import { type Caller, judgeAccess } from '../access/caller.ts';
import type { Principal } from '../access/principal.ts';
import type { Environment, Sender, TemplateRevision } from '../catalog/catalog.ts';
import { snapshotOf } from '../catalog/snapshot.ts';
import { Failure } from '../failure.ts';
import { blobId, messageId } from '../ids.ts';
import { compose } from '../mail/mime/compose.ts';
import { type MailContent, mailOf } from '../mail/mime/mail-of-message.ts';
import { sizeOf } from '../mail/mime/size.ts';
import { type AcceptContext, type Draft, judgeSend, toMessage } from './accept.ts';
import { type ParsedRequest, packetboatNames } from './send-request.ts';

const NOW = 1_750_000_000_000;
const acme = sampleSender([30_000]);
const other: Sender = {
  ...acme,
  name: 'other',
  domain: 'other.example',
  from: mailbox('hi@other.example'),
  copies: 'at_most_once',
};
const foreign: Sender = { ...acme, tenant: 'foreign', name: 'foreign' };

function mailbox(email: string) {
  return { name: null, address: address(email) };
}

function template(more: Partial<TemplateRevision> = {}): TemplateRevision {
  const none = { draft: [], testing: [], live: [] };
  return {
    tenant: 'default',
    identifier: 'otp-code',
    revision: 3,
    hash: '',
    sender: null,
    defaultLocale: 'en',
    variables: null,
    sampleData: {},
    allowedSchemes: [],
    headers: [],
    content: none,
    layouts: [],
    ...more,
  };
}

const key: Principal = {
  keyId: 'key_1',
  tenant: 'default',
  scopes: ['messages:send'],
  environment: 'live',
  senders: [],
  requestsPerMinute: 60,
  expiresAt: null,
};

/** That key with other limits, as it sends. */
function caller(more: Partial<Principal> = {}): Caller {
  const judged = judgeAccess({ ...key, ...more }, accessRules['/packetboat.v1.MessagesService/SendMessage']);
  if (judged instanceof Failure) throw judged;
  return judged;
}

function context(
  more: Partial<AcceptContext> = {},
  senders = [acme],
  templates: TemplateRevision[] = [],
): AcceptContext {
  return {
    caller: caller(),
    catalog: snapshotOf(1, [...senders, foreign], templates),
    pinned: null,
    renderTemplate: (revision, { language }) => ({
      storedSubject: `Code, revision ${revision.revision}, ${language}`,
      mail: { subject: 'Code 123', html: null, text: 'Your code is 123.', headers: {} },
    }),
    ...more,
  };
}

/** The result of rendering a template. */
const rendering = (mail: Partial<MailContent>): ReturnType<AcceptContext['renderTemplate']> => ({
  storedSubject: mail.subject ?? 'Code',
  mail: { subject: 'Code', html: null, text: 'Hi.', headers: {}, ...mail },
});

const to = (email: string, i = 0) => ({ mailbox: mailbox(email), role: 'to', field: `to[${i}]` }) as const;
const request: ParsedRequest = {
  recipients: [to('ana@example.com')],
  from: null,
  replyTo: [],
  sender: null,
  subject: 'Hello',
  html: null,
  text: { inline: 'Hi.' },
  template: null,
  templateData: {},
  templateDataPart: null,
  language: null,
  environment: null,
  headers: {},
  attachments: [],
  tags: {},
  metadata: {},
  tier: 'normal',
  scheduledAt: null,
  expiresAt: null,
  copies: null,
  names: packetboatNames,
};
const otp: ParsedRequest = {
  ...request,
  subject: null,
  text: null,
  template: { identifier: 'otp-code', revision: null },
};

function accepted(parsed: ParsedRequest, within: AcceptContext): Draft {
  const judgement = judgeSend(parsed, [], within);
  if (judgement.kind === 'refused') throw new Error(JSON.stringify(judgement.failure.errors));
  return judgement.draft;
}

function refused(parsed: ParsedRequest, within: AcceptContext): string[] {
  const judgement = judgeSend(parsed, [], within);
  return judgement.kind === 'refused'
    ? [judgement.failure.kind, ...judgement.failure.errors.map((e) => `${e.field} ${e.code}`)]
    : ['accepted'];
}

describe('the sender', () => {
  const both = [acme, other];
  const ofKey = (senders: string[]): Partial<AcceptContext> => ({ caller: caller({ senders }) });

  it.each([
    ['is the one that is named', { ...request, sender: 'other' }, context({}, both), 'other'],
    ['is the template’s', otp, context({}, both, [template({ sender: 'other' })]), 'other'],
    [
      'that is named wins over the template’s',
      { ...otp, sender: 'acme' },
      context({}, both, [template({ sender: 'other' })]),
      'acme',
    ],
    [
      'is the one whose domain holds the author',
      { ...request, from: mailbox('x@other.example') },
      context({}, both),
      'other',
    ],
    ['is the key’s first', request, context(ofKey(['other', 'acme']), both), 'other'],
    ['is the tenant’s only one', request, context(), 'acme'],
    ['is the only one that the key may use', request, context(ofKey(['other']), both), 'other'],
  ])('%s', (_, parsed, within, name) => {
    expect(accepted(parsed, within).sender).toBe(name);
  });

  it.each([
    [
      'that is being deleted',
      { ...request, sender: 'leaving' },
      context({}, [acme, { ...other, name: 'leaving', retiring: true }]),
      ['invalid', 'sender unknown_sender'],
    ],
    [
      'that does not exist',
      { ...request, sender: 'nobody' },
      context(),
      ['invalid', 'sender unknown_sender'],
    ],
    ['of another tenant', { ...request, sender: 'foreign' }, context(), ['invalid', 'sender unknown_sender']],
    [
      'that the key may not use',
      { ...request, sender: 'other' },
      context(ofKey(['acme']), both),
      ['forbidden', 'sender forbidden'],
    ],
    [
      'that does not exist, for a limited key',
      { ...request, sender: 'nobody' },
      context(ofKey(['acme']), both),
      ['forbidden', 'sender forbidden'],
    ],
    ['that could be two', request, context({}, both), ['invalid', 'sender missing']],
    ['if the tenant has none', request, context({}, []), ['invalid', 'sender missing']],
    [
      'of an unknown domain',
      { ...request, from: mailbox('x@nobody.example') },
      context({}, both),
      ['invalid', 'from unknown_domain'],
    ],
    [
      'of a domain that the key may not use',
      { ...request, from: mailbox('x@other.example') },
      context(ofKey(['acme']), both),
      ['invalid', 'from unknown_domain'],
    ],
    [
      'and an author of another',
      { ...request, sender: 'acme', from: mailbox('x@other.example') },
      context({}, both),
      ['invalid', 'from foreign_domain'],
    ],
  ])('%s is refused', (_, parsed, within, faults) => {
    expect(refused(parsed, within)).toEqual(faults);
  });
});

describe('the environment', () => {
  const all: Environment[] = ['draft', 'testing', 'live'];
  const team = { ...acme, team: ['*@example.com'] };
  const may = all.flatMap((of, i) => all.map((wanted, j) => [of, wanted, j <= i] as const));

  it.each(may)('of a key for %s allows %s: %s', (environment, wanted, allowed) => {
    const within = context({ caller: caller({ environment }) }, [team]);
    expect(refused({ ...request, environment: wanted }, within)).toEqual(
      allowed ? ['accepted'] : ['forbidden', 'environment forbidden'],
    );
  });

  it('is the key’s where none is named', () => {
    expect(accepted(request, context({ caller: caller({ environment: 'testing' }) })).environment).toBe(
      'testing',
    );
  });

  it.each([
    ['an address', ['ana@example.com'], ['invalid', 'to[1] not_on_team']],
    ['a domain', ['*@example.com'], ['invalid', 'to[1] not_on_team']],
    ['nobody', [], ['invalid', 'to[0] not_on_team', 'to[1] not_on_team']],
    ['all', ['ana@example.com', '*@example.org'], ['accepted']],
  ])('draft reaches the team only: %s', (_, members, outcome) => {
    const drafted: ParsedRequest = {
      ...request,
      environment: 'draft',
      recipients: [to('Ana@Example.com'), to('BEN@example.org', 1)],
    };
    expect(refused(drafted, context({}, [{ ...acme, team: members }]))).toEqual(outcome);
  });
});

describe('a template', () => {
  it('gives the subject, and the revision is pinned', () => {
    const draft = accepted({ ...otp, language: 'de' }, context({}, [acme], [template()]));
    expect(draft.subject).toBe('Code, revision 3, de');
    expect(draft.content).toMatchObject({
      template: { identifier: 'otp-code', revision: 3, language: 'de' },
      subject: null,
    });
  });

  it('leaves a subject of the request’s own as it is', () => {
    const draft = accepted({ ...otp, subject: 'Mine' }, context({}, [acme], [template()]));
    expect([draft.subject, draft.content.subject]).toEqual(['Mine', 'Mine']);
  });

  it('may be an older revision', () => {
    const pinning: ParsedRequest = { ...otp, template: { identifier: 'otp-code', revision: 2 } };
    const draft = accepted(pinning, context({ pinned: template({ revision: 2 }) }, [acme], [template()]));
    expect(draft.content.template?.revision).toBe(2);
  });

  it('of the live revision by its number is the live one', () => {
    const pinning: ParsedRequest = { ...otp, template: { identifier: 'otp-code', revision: 3 } };
    expect(accepted(pinning, context({}, [acme], [template()])).content.template?.revision).toBe(3);
  });

  const errors = [{ field: 'template_data.code', code: 'missing', message: 'is missing' }];
  it.each([
    ['that does not exist', otp, context(), ['invalid', 'template unknown_template']],
    [
      'of another tenant',
      otp,
      context({}, [acme], [template({ tenant: 'foreign' })]),
      ['invalid', 'template unknown_template'],
    ],
    [
      'of a revision that is not kept',
      { ...otp, template: { identifier: 'otp-code', revision: 9 } },
      context({}, [acme], [template()]),
      ['invalid', 'template unknown_revision'],
    ],
    [
      'of a sender that the key may not use',
      otp,
      context({ caller: caller({ senders: ['acme'] }) }, [acme, other], [template({ sender: 'other' })]),
      ['invalid', 'template unknown_template'],
    ],
    [
      'of a sender that the key may not use, although the request names its own',
      { ...otp, sender: 'acme' },
      context({ caller: caller({ senders: ['acme'] }) }, [acme, other], [template({ sender: 'other' })]),
      ['invalid', 'template unknown_template'],
    ],
    [
      'of a revision that had a sender which the key may not use',
      { ...otp, template: { identifier: 'otp-code', revision: 2 } },
      context(
        { caller: caller({ senders: ['acme'] }), pinned: template({ revision: 2, sender: 'other' }) },
        [acme, other],
        [template({ sender: 'acme' })],
      ),
      ['invalid', 'template unknown_revision'],
    ],
    [
      'whose subject is blank with the data',
      otp,
      context({ renderTemplate: () => rendering({ subject: ' ' }) }, [acme], [template()]),
      ['invalid', 'subject missing'],
    ],
    [
      'whose List-Unsubscribe is no https URI beside the List-Unsubscribe-Post of the request',
      { ...otp, headers: { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' } },
      context(
        {
          renderTemplate: () => rendering({ headers: { 'List-Unsubscribe': '<mailto:u@shop.example>' } }),
        },
        [acme],
        [template()],
      ),
      ['invalid', 'headers.List-Unsubscribe-Post invalid_header'],
    ],
    [
      'whose data is at fault',
      otp,
      context({ renderTemplate: () => ({ errors }) }, [acme], [template()]),
      ['invalid', 'template_data.code missing'],
    ],
  ])('%s is refused', (_, parsed, within, faults) => {
    expect(refused(parsed, within)).toEqual(faults);
  });
});

describe('what the sender allows', () => {
  const limited = (more: Partial<Sender['limits']>): AcceptContext =>
    context({}, [{ ...acme, limits: { ...acme.limits, ...more } }]);
  const two: ParsedRequest = { ...request, recipients: [to('ana@example.com'), to('ben@example.org', 1)] };

  it.each([
    ['as many recipients', two, limited({ maxRecipients: 2 }), ['accepted']],
    ['a recipient more', two, limited({ maxRecipients: 1 }), ['invalid', 'to[1] too_many_recipients']],
  ])('%s', (_, parsed, within, outcome) => {
    expect(refused(parsed, within)).toEqual(outcome);
  });
});

describe('the size of a mail', () => {
  const file: ParsedRequest['attachments'][number] = {
    filename: 'Größe.pdf',
    contentType: 'application/pdf',
    contentId: null,
    disposition: 'attachment',
    blob: blobId(NOW, new Uint8Array(10)),
    bytes: 5_000,
  };
  const text = { inline: 'Grüße\n'.repeat(2_000) };
  const html = { inline: `<p>${'x'.repeat(5_000)}</p>` };
  const limitedTo = (maxMessageBytes: number): AcceptContext =>
    context({}, [{ ...acme, limits: { ...acme.limits, maxMessageBytes } }], [template()]);

  /** As a dispatcher composes it. */
  function sentBytes(parsed: ParsedRequest, content: Partial<MailContent>): number {
    const draft = accepted(parsed, context({}, [acme], [template()]));
    const message = { ...draft, id: messageId(NOW, Buffer.alloc(10, 9)), createdAt: NOW };
    const whole = { subject: 'Hello', html: null, text: null, headers: parsed.headers, ...content };
    return sizeOf(compose(mailOf(message, whole, acme.domain))).max;
  }

  it.each<[string, ParsedRequest, Partial<MailContent>, string]>([
    ['text', { ...request, text }, { text: text.inline }, 'text'],
    ['html', { ...request, html, text: null }, { html: html.inline }, 'html'],
    ['html and a text', { ...request, html }, { html: html.inline, text: 'Hi.' }, 'html'],
    ['a file', { ...request, attachments: [file] }, { text: 'Hi.' }, 'attachments'],
    [
      'other mailboxes and headers',
      {
        ...request,
        from: { name: 'Größe', address: address('a@acme.example') },
        recipients: [to('ana@example.com'), { ...to('ben@example.com', 1), role: 'cc' }],
        replyTo: [mailbox('help@example.com')],
        headers: { Comments: 'Größe' },
        scheduledAt: NOW + 86_400_000,
      },
      { text: 'Hi.' },
      'text',
    ],
    ['a template', otp, { subject: 'Code 123', text: 'Your code is 123.' }, 'template'],
    [
      'a template with a subject and a file of the request',
      { ...otp, subject: 'Hello', attachments: [file] },
      { text: 'Your code is 123.' },
      'attachments',
    ],
  ])('of %s is measured with its header, as it is sent', (_, parsed, content, field) => {
    const bytes = sentBytes(parsed, content);
    expect(refused(parsed, limitedTo(bytes))).toEqual(['accepted']);
    expect(refused(parsed, limitedTo(bytes - 1))).toEqual(['invalid', `${field} too_large`]);
  });

  it.each([
    ['at least as many bytes as the text', 99_999, ['invalid', 'html too_large']],
    ['more only as quoted-printable', 110_000, ['accepted']],
  ])('of a streamed text is a fault when it has %s', (_, limit, outcome) => {
    const streamed = { blob: file.blob, bytes: 100_000 };
    expect(refused({ ...request, html: streamed, text: null }, limitedTo(limit))).toEqual(outcome);
  });

  it('is reported beside other faults when the content alone is too large', () => {
    const parsed = { ...request, attachments: [file], from: mailbox('a@other.example'), sender: acme.name };
    expect(refused(parsed, limitedTo(4_999))).toEqual([
      'invalid',
      'from foreign_domain',
      'attachments too_large',
    ]);
  });
});

it('faults of the request and of its meeting with the catalog are told at once', () => {
  const judgement = judgeSend(
    { ...otp, sender: 'nobody' },
    [{ field: 'to[0]', code: 'invalid_address', message: '' }],
    context(),
  );
  expect(judgement).toMatchObject({
    kind: 'refused',
    failure: {
      code: 'validation_failed',
      errors: [{ field: 'to[0]' }, { field: 'template' }, { field: 'sender' }],
    },
  });
});

it('the request’s own words win over the sender’s', () => {
  const replyTo = [mailbox('help@acme.example')];
  const sender: Sender = { ...acme, replyTo, copies: 'at_most_once' };
  expect(accepted(request, context({}, [sender]))).toMatchObject({
    from: acme.from,
    replyTo,
    copies: 'at_most_once',
  });
  const own: ParsedRequest = {
    ...request,
    from: mailbox('me@acme.example'),
    replyTo: [mailbox('you@example.net')],
    copies: 'at_least_once',
  };
  expect(accepted(own, context({}, [sender]))).toMatchObject({
    from: own.from,
    replyTo: own.replyTo,
    copies: 'at_least_once',
  });
});

describe('a message', () => {
  const id = messageId(NOW, new Uint8Array(10));
  const recipients = [to('ana@example.com'), { ...to('ben@bücher.example', 1), role: 'bcc' as const }];
  const start = (parsed: Partial<ParsedRequest>, suppressed: readonly string[] = []) =>
    toMessage(accepted({ ...request, recipients, ...parsed }, context()), {
      id,
      now: NOW,
      trace: null,
      idempotency: { key: 'k', fingerprint: 'f' },
      isSuppressed: (a) => suppressed.includes(a),
      isPublished: true,
    });

  it('has a delivery and an event per recipient, and hides blind copies', () => {
    const message = start({});
    expect(message.deliveries.map((d) => [d.recipient, d.role, d.domain, d.state])).toEqual([
      ['ana@example.com', 'to', 'example.com', 'queued'],
      ['ben@xn--bcher-kva.example', 'bcc', 'xn--bcher-kva.example', 'queued'],
    ]);
    expect(message.events).toEqual([
      { type: 'queued', data: {}, delivery: 0 },
      { type: 'queued', data: {}, delivery: 1 },
    ]);
    expect([message.to.length, message.cc.length]).toEqual([1, 0]);
    expect(message).toMatchObject({
      id,
      tenant: 'default',
      createdAt: NOW,
      keyId: 'key_1',
      idempotency: { key: 'k', fingerprint: 'f' },
    });
    expect(message).not.toHaveProperty('recipients');
  });

  it.each([
    ['queued', {}, []],
    ['queued', {}, ['ana@example.com']],
    ['scheduled', { scheduledAt: NOW + 1 }, ['ana@example.com']],
    ['suppressed', {}, ['ana@example.com', 'ben@xn--bcher-kva.example']],
    ['suppressed', { scheduledAt: NOW + 1 }, ['ana@example.com', 'ben@xn--bcher-kva.example']],
  ] as const)('is accepted as %s, with %o and suppressed %j', (status, parsed, suppressed) => {
    expect(start(parsed, suppressed).acceptedAs).toBe(status);
  });
});
