// Templates at work: languages, environments, who may receive drafts, pinned revisions, and a
// catalog that changes meanwhile.

import { beforeEach, describe, expect, it, vi } from 'vitest';
import { bytesOf, readByMailparser, untilMailTo } from './mails.ts';
import { sender, template } from './objects.ts';
import { errorsOf, type JsonObject } from './rest-client.ts';
import { type E2eStage, onEachSubject } from './stage.ts';

const objects = [
  sender('shop', {
    team: ['ana@team.example', '*@qa.example'],
    limits: { messagesPerSecond: 0, maxRecipients: 5 },
  }),
  sender('other'),
  template('greeting', {
    identifier: 'Greeting_1',
    senderRef: { name: 'shop' },
    variables: {
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string' },
        amount: { type: 'number' },
        code: { type: 'string', writeOnly: true },
      },
    },
    sampleData: { name: 'Ana', amount: 1, code: '1' },
    locales: [
      {
        locale: 'en',
        subject: 'Hello {{name}}{{code}}',
        html: '<p>{{name}} {{formatNumber amount}}</p>',
        text: '{{name}}',
      },
      { locale: 'de', subject: 'Hallo {{name}}', text: '{{formatNumber amount}}' },
      { locale: 'de-CH', subject: 'Grüezi {{name}}', text: 'Grüezi' },
    ],
    testing: { locales: [{ locale: 'en', subject: '[Test] Hello {{name}}' }] },
    draft: { locales: [{ locale: 'en', subject: '[Draft] Hello {{name}}' }] },
  }),
  template('reminder', {
    senderRef: { name: 'shop' },
    allowedSchemes: ['sms'],
    headers: [
      { name: 'List-Unsubscribe', value: '<https://shop.example/leave?t={{urlEncode note}}>' },
      { name: 'X-Note', value: '{{note}}' },
    ],
    sampleData: { note: 'x', link: 'sms:1' },
    locales: [
      {
        locale: 'en',
        subject: 'Reminder',
        html: '{{#if link}}<a href="{{link}}?body={{urlEncode note}}">{{lineBreaks note}}</a>{{/if}}',
        text: '{{lineBreaks note}}',
      },
    ],
  }),
];

const greeting = (more: JsonObject = {}): JsonObject => ({
  template: 'Greeting_1',
  template_data: { name: 'Ana', amount: 1234.5 },
  ...more,
});

/** Each with the mail's subject, its From and a part of its body. */
const rendered: readonly (readonly [
  title: string,
  more: JsonObject,
  subject: string,
  from: string,
  body: RegExp,
])[] = [
  ['the default language', {}, 'Hello Ana', 'no-reply@shop.shop.example', /1,234\.5/],
  ['a language that is there', { language: 'de' }, 'Hallo Ana', 'no-reply@shop.shop.example', /1\.234,5/],
  [
    'a region falls back to its language',
    { language: 'de-AT' },
    'Hallo Ana',
    'no-reply@shop.shop.example',
    /1.234,5/,
  ],
  [
    'a region that is there, however it is written',
    { language: 'de_ch' },
    'Grüezi Ana',
    'no-reply@shop.shop.example',
    /Grüezi/,
  ],
  [
    'an unknown language falls back to the default',
    { language: 'fr-CA' },
    'Hello Ana',
    'no-reply@shop.shop.example',
    /1,234\.5/,
  ],
  [
    'a subject of the request wins',
    { subject: 'Mine: {{name}}' },
    'Mine: {{name}}',
    'no-reply@shop.shop.example',
    /1,234\.5/,
  ],
  [
    'a from of the request wins',
    { from: 'me@shop.shop.example' },
    'Hello Ana',
    'me@shop.shop.example',
    /1,234\.5/,
  ],
  [
    'a sender of the request wins',
    { sender: 'other' },
    'Hello Ana',
    'no-reply@other.shop.example',
    /1,234\.5/,
  ],
  [
    'testing has its own content, for the public',
    { environment: 'testing' },
    '[Test] Hello Ana',
    'no-reply@shop.shop.example',
    /1,234\.5/,
  ],
  [
    'draft falls back to what testing and live have',
    { environment: 'draft', language: 'de', recipient: 'x@qa.example' },
    'Hallo Ana',
    'no-reply@shop.shop.example',
    /1\.234,5/,
  ],
  [
    'draft content, for the team',
    { environment: 'draft', recipient: 'ana@team.example' },
    '[Draft] Hello Ana',
    'no-reply@shop.shop.example',
    /1,234\.5/,
  ],
  [
    'html is escaped, the subject is not',
    { template_data: { name: 'A & <b>', amount: 1 } },
    'Hello A & <b>',
    'no-reply@shop.shop.example',
    /A &amp; &lt;b&gt;/,
  ],
];

onEachSubject('templates', { objects }, (stage) => {
  it.each(rendered)('%s', async (title, more, subject, from, body) => {
    const recipient = String(
      more.recipient ?? `${title.replaceAll(/[^a-z]+/g, '-').slice(0, 40)}@example.com`,
    );
    await stage.rest.accepted(greeting({ recipient, ...more }));
    const read = await readByMailparser(await untilMailTo(stage.sink, recipient));
    expect(read.subject).toBe(subject);
    expect(read.from.map(([, address]) => address)).toEqual([from]);
    expect(read.html ?? read.text).toMatch(body);
  });

  it('a secret variable is in the mail, and masked in responses of the API', async () => {
    const id = await stage.rest.accepted(
      greeting({ recipient: 'secret@example.com', template_data: { name: 'Ana', code: '847291' } }),
    );
    expect((await readByMailparser(await untilMailTo(stage.sink, 'secret@example.com'))).subject).toBe(
      'Hello Ana847291',
    );
    expect((await stage.rest.message(id)).subject).toBe('Hello Ana***');
  });

  it('a link from the data may have a scheme that the template allows', async () => {
    const template_data = { note: 'a & b\nc', link: 'sms:+3225550100' };
    const recipient = 'sms@example.com';
    await stage.rest.accepted({ template: 'reminder', template_data, recipient });
    expect(await readByMailparser(await untilMailTo(stage.sink, recipient))).toMatchObject({
      html: '<a href="sms:+3225550100?body=a%20%26%20b%0Ac">a &amp; b<br>c</a>',
      text: 'a & b\nc',
    });
  });

  it('a template sets headers, and those of the request take precedence', async () => {
    await stage.rest.accepted({
      recipient: 'headers@example.com',
      template: 'reminder',
      template_data: { note: 'a b' },
      headers: { 'x-note': 'mine', 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' },
    });
    const mail = bytesOf(await untilMailTo(stage.sink, 'headers@example.com')).toString();
    expect(mail).toContain('\r\nList-Unsubscribe: <https://shop.example/leave?t=a%20b>\r\n');
    expect(mail).toContain('\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n');
    expect(mail.match(/^x-note: .*/gim)).toEqual(['x-note: mine']);
  });

  it('a part that the data leaves blank is not in the mail', async () => {
    const recipient = 'blank@example.com';
    await stage.rest.accepted({ template: 'reminder', template_data: { note: 'Hello' }, recipient });
    const mail = await readByMailparser(await untilMailTo(stage.sink, recipient));
    expect([mail.html, mail.text]).toEqual([null, 'Hello']);
  });

  it.each([
    [{ note: 'x', link: 'webcal:x' }, 'template_failed'],
    [{ note: 'x', link: 'javascript:x' }, 'template_failed'],
    [{ note: ' ' }, 'missing_content'],
  ])('with %j a mail is refused: %s', async (template_data, code) => {
    const answer = await stage.rest.send({ template: 'reminder', template_data, recipient: 'a@example.com' });
    expect([answer.status, errorsOf(answer).map((error) => error.code)]).toEqual([422, [code]]);
  });

  it('a draft to recipients outside the team is rejected with exactly their fields', async () => {
    const answer = await stage.rest.send(
      greeting({
        environment: 'draft',
        to: ['ana@team.example', 'public@example.com'],
        cc: ['x@qa.example'],
        bcc: ['hidden@example.com'],
      }),
    );
    expect(answer.status).toBe(422);
    expect(errorsOf(answer).map(({ field, code }) => [field, code])).toEqual([
      ['to[1]', 'not_on_team'],
      ['bcc[0]', 'not_on_team'],
    ]);
  });

  it.each([
    ['testing', 'live', 403],
    ['testing', 'testing', 202],
    ['testing', 'draft', 202],
    ['testing', undefined, 202],
    ['draft', 'testing', 403],
    ['draft', undefined, 202],
  ])('a key of %s that asks for %s is answered %i', async (ceiling, environment, status) => {
    const made = await stage.rest.post('/v1/keys', { name: 'limited', environment: ceiling });
    expect(made.status).toBe(201);
    const answer = await stage.rest
      .withKey(String(made.body.secret))
      .send(
        greeting({ recipient: 'ana@team.example', ...(environment === undefined ? {} : { environment }) }),
      );
    expect(answer.status).toBe(status);
    if (status !== 202) return;
    const message = await stage.rest.message(String(answer.body.message_id));
    expect(message.environment).toBe(environment ?? ceiling);
  });

  describe('a catalog that changes', () => {
    const version = (n: number) =>
      template('notice', {
        senderRef: { name: 'shop' },
        locales: [{ locale: 'en', subject: `Notice ${n}`, text: `Text ${n}` }],
      });
    const broken = {
      ...version(9),
      spec: { ...version(9).spec, locales: [{ locale: 'en', subject: '{{#if}', text: 'Text' }] },
    };

    const revisionOf = async ({ rest }: E2eStage): Promise<number> => {
      const { templates = [] } = (await rest.get('/v1/templates')).body as {
        templates?: { identifier: string; revision: number }[];
      };
      return templates.find(({ identifier }) => identifier === 'notice')?.revision ?? 0;
    };
    let revision = 0;

    /**
     * The promise is a second from the change to its use; one more for a machine that runs other
     * tests beside this one.
     */
    async function publish(n: number): Promise<void> {
      const before = await revisionOf(stage);
      await stage.writeCatalog('notice.yaml', [version(n)]);
      await vi.waitFor(async () => expect(await revisionOf(stage)).toBeGreaterThan(before), {
        timeout: 2_000,
        interval: 50,
      });
      revision = await revisionOf(stage);
    }
    const subjectOf = async (recipient: string) =>
      (await readByMailparser(await untilMailTo(stage.sink, recipient))).subject;
    let round = 0;
    beforeEach(async () => {
      round += 2;
      await publish(round);
    });

    it('a change is live within a second', async () => {
      await stage.rest.accepted({ recipient: `live-${round}@example.com`, template: 'notice' });
      expect(await subjectOf(`live-${round}@example.com`)).toBe(`Notice ${round}`);
    });

    it('a message keeps the revision with which it was accepted', async () => {
      const recipient = `kept-${round}@example.com`;
      const scheduled_time = new Date(Date.now() + 4_000).toISOString();
      const id = await stage.rest.accepted({ recipient, template: 'notice', scheduled_time });
      expect(await stage.rest.message(id)).toMatchObject({
        status: 'scheduled',
        template: `notice@${revision}`,
      });
      await publish(round + 1);
      expect(await subjectOf(recipient)).toBe(`Notice ${round}`);
    });

    it('a request may pin an earlier revision', async () => {
      const before = revision;
      await publish(round + 1);
      await stage.rest.accepted({ recipient: `pinned-${round}@example.com`, template: `notice@${before}` });
      await stage.rest.accepted({ recipient: `unpinned-${round}@example.com`, template: 'notice' });
      expect(await subjectOf(`pinned-${round}@example.com`)).toBe(`Notice ${round}`);
      expect(await subjectOf(`unpinned-${round}@example.com`)).toBe(`Notice ${round + 1}`);
    });

    it('an invalid change keeps the last valid revision, and is reported with file, line and reason', async () => {
      await stage.writeCatalog('notice.yaml', [broken], { isBad: true });
      await vi.waitFor(() => expect(stage.complaints()).toMatch(/notice\.yaml:\d+:\d+/), { timeout: 5_000 });
      expect(stage.complaints()).toContain('SyntaxError');
      expect(await revisionOf(stage)).toBe(revision);
      await stage.rest.accepted({ recipient: `good-${round}@example.com`, template: 'notice' });
      expect(await subjectOf(`good-${round}@example.com`)).toBe(`Notice ${round}`);
    });
  });
});
