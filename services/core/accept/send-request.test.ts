import { describe, expect, it } from 'vitest';
import { newBlobId } from '../../../test/contract/sample-message.ts';
import { acceptLimits } from '../limits/accept.ts';
import { emptyRequest } from './send-request.fixture.ts';
import {
  keysInHeaders,
  mailbindrNames,
  parseSendRequest,
  parseTemplateName,
  type SendRequest,
  templateDataOf,
} from './send-request.ts';

const NOW = 1_750_000_000_000;

const good: SendRequest = { ...emptyRequest, recipient: 'ana@example.com', subject: 'Hello', text: 'Hi.' };
const templated: SendRequest = { ...emptyRequest, recipient: 'ana@example.com', template: 'otp-code' };
const uploaded = { blob: newBlobId(NOW), bytes: 100_000, sha256: 'ab' };
const file = { filename: 'a.pdf', content: uploaded, contentType: '', contentId: '', disposition: '' };
const email = (address: string, name = '') => ({ email: address, name });

const faultsOf = (request: SendRequest): string[] =>
  parseSendRequest(request, NOW).errors.map((e) => `${e.field} ${e.code}`);
const parsed = (request: SendRequest) => {
  const read = parseSendRequest(request, NOW);
  expect(read.errors).toEqual([]);
  return read.parsed;
};

describe('recipients', () => {
  it('are those of all fields, with their roles and places', () => {
    const { recipients } = parsed({
      ...good,
      to: [email('ben@example.org', 'Ben')],
      cc: [email('cleo@example.net')],
      bcc: [email('dora@example.com')],
    });
    expect(recipients.map((r) => [r.role, r.field, r.mailbox.address, r.mailbox.name])).toEqual([
      ['to', 'recipient', 'ana@example.com', null],
      ['to', 'to[0]', 'ben@example.org', 'Ben'],
      ['cc', 'cc[0]', 'cleo@example.net', null],
      ['bcc', 'bcc[0]', 'dora@example.com', null],
    ]);
  });

  const many = (count: number) => Array.from({ length: count }, (_, i) => email(`r${i}@example.com`));
  it.each([
    ['none', { ...good, recipient: '' }, ['recipient missing']],
    ['none, in the other form', { ...templated, recipient: '', names: mailbindrNames }, ['receiver missing']],
    ['one at fault', { ...good, recipient: 'ana' }, ['recipient invalid_address']],
    [
      'each at fault',
      { ...good, to: [email('a@b'), email('ok@example.com'), email('a@b@c')] },
      ['to[0] invalid_address', 'to[2] invalid_address'],
    ],
    [
      'one with a line break',
      { ...good, cc: [email('ana@example.com\r\nBcc: x@example.com')] },
      ['cc[0] invalid_address'],
    ],
    ['one twice', { ...good, bcc: [email('ana@EXAMPLE.com')] }, ['bcc[0] duplicate_recipient']],
    [
      'one in several spellings',
      { ...good, to: [email('Ana@example.com', 'Ana')], cc: [email('"ana"@example.com')] },
      ['to[0] duplicate_recipient', 'cc[0] duplicate_recipient'],
    ],
    [
      'one with its domain as a U-label and as an A-label',
      { ...good, to: [email('a@bücher.example'), email('a@xn--bcher-kva.example')] },
      ['to[1] duplicate_recipient'],
    ],
    [
      'one with a composed and a decomposed accent',
      { ...good, to: [email('jürgen@example.com'), email('ju\u0308rgen@example.com')] },
      ['to[1] duplicate_recipient'],
    ],
    [
      'too many',
      { ...good, recipient: '', to: many(acceptLimits.recipientsMax + 1) },
      [`to[${acceptLimits.recipientsMax}] too_many_recipients`],
    ],
    ['as many as may be', { ...good, recipient: '', to: many(acceptLimits.recipientsMax) }, []],
  ])('%s', (_, request, faults) => {
    expect(faultsOf(request)).toEqual(faults);
  });
});

it('a duplicate names both fields, and no address', () => {
  const { errors } = parseSendRequest({ ...good, bcc: [email('ANA@example.com')] }, NOW);
  expect(errors).toEqual([
    {
      field: 'bcc[0]',
      code: 'duplicate_recipient',
      message: 'The fields recipient and bcc[0] name the same mailbox.',
    },
  ]);
});

it('the local part of a recipient stays as written', () => {
  const { recipients } = parsed({ ...good, recipient: 'Ana.Maria@Example.com' });
  expect(recipients[0]?.mailbox.address).toBe('Ana.Maria@example.com');
});

describe('content', () => {
  it.each([
    ['of a text', good, []],
    ['of a template', templated, []],
    ['of a template with a subject of its own', { ...templated, subject: 'Mine' }, []],
    ['of neither', { ...good, text: null }, ['template missing_content']],
    [
      'of neither, in the other form',
      { ...templated, template: '', names: mailbindrNames },
      ['identifier missing_content'],
    ],
    ['of both', { ...templated, text: 'Hi.' }, ['text content_twice']],
    ['of both, in html', { ...templated, html: '<p>', text: 'Hi.' }, ['html content_twice']],
    ['without a subject', { ...good, subject: null }, ['subject missing']],
    ['with an empty subject', { ...good, subject: '' }, ['subject missing']],
    ['with a blank subject', { ...good, subject: '\u00a0\u200b' }, ['subject missing']],
    ['with a blank subject beside a template', { ...templated, subject: ' ' }, []],
    ['of a template, a blank html and a blank text', { ...templated, html: '', text: '\r\n' }, []],
    ['with a blank text', { ...good, text: ' \t\r\n' }, ['text missing_content']],
    ['with a blank html', { ...good, text: null, html: '\u200b' }, ['html missing_content']],
    ['with a blank html and a blank text', { ...good, text: '', html: '' }, ['html missing_content']],
    [
      'with a subject of two lines',
      { ...good, subject: 'a\r\nBcc: x@example.com' },
      ['subject invalid_header_text'],
    ],
    [
      'with half a character',
      { ...good, text: '\ud800', html: 'a\udc00' },
      ['html invalid_text', 'text invalid_text'],
    ],
    ['of a template named wrongly', { ...templated, template: 'no such!' }, ['template invalid_template']],
    ['with data and no template', { ...good, templateData: templateDataOf({}) }, ['template_data unused']],
    [
      'with data too large',
      { ...templated, templateData: templateDataOf({ a: 'x'.repeat(acceptLimits.templateDataBytesMax) }) },
      ['template_data too_large'],
    ],
  ])('%s', (_, request, faults) => {
    expect(faultsOf(request)).toEqual(faults);
  });

  it('that was uploaded is referred to', () => {
    const { html, text, templateDataPart } = parsed({ ...good, html: uploaded });
    expect({ html, text, templateDataPart }).toEqual({
      html: { blob: uploaded.blob, bytes: 100_000 },
      text: { inline: 'Hi.' },
      templateDataPart: null,
    });
    expect(
      parsed({ ...templated, templateData: { ...templateDataOf({ a: 1 }), blob: uploaded } })
        .templateDataPart,
    ).toEqual({
      blob: uploaded.blob,
      bytes: 100_000,
    });
  });

  it('of data is kept as JSON', () => {
    const { templateData, templateDataPart, template } = parsed({
      ...templated,
      template: 'otp-code@3',
      templateData: templateDataOf({ code: '1' }),
    });
    expect({ templateData, templateDataPart, template }).toEqual({
      templateData: { code: '1' },
      templateDataPart: { inline: '{"code":"1"}' },
      template: { identifier: 'otp-code', revision: 3 },
    });
  });
});

describe('a template’s name', () => {
  it.each([
    ['otp-code', 'otp-code', null],
    ['email_key', 'email_key', null],
    ['a.b@1', 'a.b', 1],
    ['x'.repeat(128), 'x'.repeat(128), null],
    ['a@999999999', 'a', 999_999_999],
  ])('%s', (text, identifier, revision) => {
    expect(parseTemplateName(text)).toEqual({ identifier, revision });
  });

  it.each([
    '',
    '-a',
    'a b',
    'a@',
    'a@0',
    'a@01',
    'a@-1',
    'a@1@2',
    'a@9999999999',
    'x'.repeat(129),
    'é',
    'a\n',
  ])('%j is none', (text) => {
    expect(parseTemplateName(text)).toBeNull();
  });
});

describe('times', () => {
  it.each([
    ['a schedule a year ahead', { scheduledAt: NOW + acceptLimits.scheduleAheadMs }, []],
    [
      'a schedule further ahead',
      { scheduledAt: NOW + acceptLimits.scheduleAheadMs + 1 },
      ['scheduled_time too_far_ahead'],
    ],
    ['an expiry ahead', { expiresAt: NOW + 1 }, []],
    ['an expiry that is over', { expiresAt: NOW }, ['expires_at too_early']],
    ['an expiry behind the schedule', { scheduledAt: NOW + 10, expiresAt: NOW + 11 }, []],
    ['an expiry at the schedule', { scheduledAt: NOW + 10, expiresAt: NOW + 10 }, ['expires_at too_early']],
  ])('%s', (_, times, faults) => {
    expect(faultsOf({ ...good, ...times })).toEqual(faults);
  });
});

it('metadata has a size', () => {
  expect(faultsOf({ ...good, metadata: { a: 'v'.repeat(acceptLimits.metadataBytesMax) } })).toEqual([
    'metadata too_large',
  ]);
});

it('a blank html beside a text is absent', () => {
  const { html, text, subject } = parsed({ ...good, html: ' \n', subject: ' Hi ' });
  expect([html, text, subject]).toEqual([null, { inline: good.text }, ' Hi ']);
});

describe('an attachment', () => {
  const faultsOfFile = (more: Partial<SendRequest['attachments'][number]>): string[] =>
    faultsOf({ ...good, attachments: [{ ...file, ...more }] });

  it.each([
    ['with a path', { filename: '../a' }, 'filename invalid_filename'],
    ['with a path of Windows', { filename: 'c:\\a' }, 'filename invalid_filename'],
    ['with a name of two lines', { filename: 'a\r\nb' }, 'filename invalid_header_text'],
    ['that is multipart', { contentType: 'multipart/mixed' }, 'content_type invalid_content_type'],
    ['that is a part of a message', { contentType: 'message/partial' }, 'content_type invalid_content_type'],
    ['with a blank name', { filename: '\u00a0' }, 'filename missing'],
    [
      'that is a file and an alternative',
      { contentType: 'application/pdf', disposition: 'alternative' },
      'disposition invalid_disposition',
    ],
  ])('%s is refused', (_, more, fault) => {
    expect(faultsOfFile(more)).toEqual([`attachments[0].${fault}`]);
  });

  it.each([
    ['is attached', {}, 'attachment', 'application/octet-stream', null],
    ['keeps its type in lower case', { contentType: 'Image/PNG' }, 'attachment', 'image/png', null],
    [
      'keeps its parameters, and the case of their values',
      { contentType: 'Text/Calendar;METHOD=REQUEST; charset="UTF-8"', disposition: 'alternative' },
      'alternative',
      'text/calendar; method=REQUEST; charset=UTF-8',
      null,
    ],
    ['may be a message', { contentType: 'Message/RFC822' }, 'attachment', 'message/rfc822', null],
    ['with an id is shown inside', { contentId: 'logo' }, 'inline', 'application/octet-stream', 'logo'],
    [
      'with an id may be attached',
      { contentId: 'logo', disposition: 'attachment' },
      'attachment',
      'application/octet-stream',
      'logo',
    ],
    [
      'may be shown inside without an id',
      { disposition: 'inline' },
      'inline',
      'application/octet-stream',
      null,
    ],
  ])('%s', (_, more, disposition, contentType, contentId) => {
    const { attachments } = parsed({ ...good, attachments: [{ ...file, ...more }] });
    expect(attachments).toEqual([
      { filename: 'a.pdf', contentType, contentId, disposition, blob: uploaded.blob, bytes: 100_000 },
    ]);
  });
});

it('all faults are told at once', () => {
  const request = {
    ...good,
    recipient: 'a',
    from: email('b'),
    replyTo: [email('c')],
    subject: null,
    headers: { Bcc: 'x@example.com' },
    expiresAt: 0,
  };
  expect(parseSendRequest(request, NOW).errors.map((e) => e.field)).toEqual([
    'recipient',
    'from',
    'reply_to[0]',
    'headers.Bcc',
    'subject',
    'expires_at',
  ]);
});

it('absent fields get their defaults', () => {
  expect(parsed(good)).toMatchObject({
    sender: null,
    language: null,
    environment: null,
    tier: 'normal',
    copies: null,
    metadata: {},
    template: null,
  });
});

it('keys are found in headers whatever their case', () => {
  expect(keysInHeaders({ 'X-Idempotency-Key': 'a', 'x-idempotency-KEY': 'b', 'X-Other': 'c' })).toEqual([
    'a',
    'b',
  ]);
});
