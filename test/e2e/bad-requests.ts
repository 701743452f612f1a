// Invalid requests of users and attackers. Each row is a request with one fault. Values contain
// `c4nary`, which shows whether a response or a log repeats them.

import type { JsonObject } from './rest-client.ts';

/** Fields that replace those of a valid request; undefined removes a field. */
export type BodyChange = JsonObject;
type Fault = readonly [field: string, code: string];
/**
 * Requests that match the contract and are rejected for their content: 422 in REST,
 * INVALID_ARGUMENT with the same faults in gRPC.
 */
export type BadRow = readonly [title: string, change: BodyChange, faults: readonly Fault[]];

export const good: JsonObject = {
  from: 'orders@shop.shop.example',
  to: ['user@example.com'],
  subject: 'Hello',
  text: 'Hello',
};

const raw = { subject: undefined, text: undefined };
const otp = { ...raw, template: 'otp', template_data: { code: '847291' } };
const to = (...addresses: unknown[]): BodyChange => ({ to: addresses });
const file = (more: BodyChange): BodyChange => ({
  attachments: [{ filename: 'a.txt', content: 'aGVsbG8=', ...more }],
});
const header = (name: string, value = 'c4nary'): BodyChange => ({ headers: { [name]: value } });
const people = (count: number): string[] => Array.from({ length: count }, (_, i) => `user-${i}@example.com`);
const inDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();

const badAddresses: readonly (readonly [title: string, address: string])[] = [
  ['nothing', ''],
  ['a word', 'c4nary'],
  ['without a local part', '@c4nary.example'],
  ['without a domain', 'c4nary@'],
  ['two @', 'c4nary@b@c.example'],
  ['a line break and a header', 'c4nary@example.com\r\nBcc: victim@example.com'],
  ['a line break at its end', 'c4nary@example.com\r\n'],
  ['a bare LF', 'c4nary\n@example.com'],
  ['NUL', 'c4nary\0@example.com'],
  ['300 characters', `c4nary${'x'.repeat(283)}@a.example`],
  ['a local part of 65 octets', `c4nary${'x'.repeat(59)}@a.example`],
  ['a label of 64 octets', `c4nary@${'x'.repeat(64)}.example`],
  ['a space', 'c4 nary@example.com'],
  ['two, behind a comma', 'c4nary@example.com, victim@example.com'],
  ['a comment', 'c4nary(comment)@example.com'],
  ['a route', '<@relay.example:c4nary@example.com>'],
  ['a group', 'c4nary: a@example.com;'],
  ['an IP address', 'c4nary@[127.0.0.1]'],
  ['a bare IP address', 'c4nary@127.0.0.1'],
  ['one label', 'c4nary@localhost'],
  ['a dot at the end of the local part', 'c4nary.@example.com'],
  ['two dots', 'c4nary@example..com'],
  ['a hyphen at the start of a label', 'c4nary@-x.example'],
  ['a quote that is not closed', '"c4nary@example.com'],
  ['an international domain that is none', 'c4nary@xn--.example'],
  ['a mark that turns the reading direction', 'c4nary\u202e@example.com'],
  ['percent signs that others decode', 'c4nary@%65xample.com'],
];

export const rows: readonly BadRow[] = [
  // --- recipients
  ['no recipient', { to: undefined }, [['recipient', 'missing']]],
  ...badAddresses.map(
    ([title, address]): BadRow => [
      `a recipient that is ${title}`,
      to('ok@example.com', { email: address }),
      [['to[1]', 'invalid_address']],
    ],
  ),
  [
    'a bad recipient in each field',
    { ...to('c4nary'), cc: ['c4nary'], bcc: ['c4nary'] },
    [
      ['to[0]', 'invalid_address'],
      ['cc[0]', 'invalid_address'],
      ['bcc[0]', 'invalid_address'],
    ],
  ],
  [
    'a name with a line break',
    to({ email: 'user@example.com', name: 'c4nary\r\nBcc: victim@example.com' }),
    [['to[0]', 'invalid_address']],
  ],
  [
    'a name of 257 characters',
    to({ email: 'user@example.com', name: 'c4nary'.padEnd(257, 'x') }),
    [['to[0]', 'invalid_address']],
  ],
  ['51 recipients', { to: people(40), cc: people(51).slice(40) }, [['cc[10]', 'too_many_recipients']]],
  ['one recipient twice', to('c4nary@example.com', 'c4nary@EXAMPLE.com'), [['to[1]', 'duplicate_recipient']]],
  [
    'more recipients than the sender allows',
    { from: 'a@few.shop.example', to: people(3) },
    [['to[2]', 'too_many_recipients']],
  ],

  // --- who sends
  ['an unknown sender', { from: undefined, sender: 'c4nary' }, [['sender', 'unknown_sender']]],
  ['no way to tell the sender', { from: undefined }, [['sender', 'missing']]],
  ['a From of nobody', { from: 'c4nary@elsewhere.example' }, [['from', 'unknown_domain']]],
  [
    'a From outside the sender',
    { from: 'c4nary@few.shop.example', sender: 'shop' },
    [['from', 'foreign_domain']],
  ],
  [
    "a From below the sender's domain",
    { from: 'c4nary@deep.shop.shop.example', sender: 'shop' },
    [['from', 'foreign_domain']],
  ],
  [
    'a From with a line break',
    { from: { email: 'c4nary@shop.shop.example\r\nX: y', name: '' } },
    [['from', 'invalid_address']],
  ],
  ['an answer address that is none', { reply_to: ['c4nary'] }, [['reply_to[0]', 'invalid_address']]],

  // --- content
  ['no content', raw, [['template', 'missing_content']]],
  ['no subject', { subject: undefined }, [['subject', 'missing']]],
  ['content twice', { template: 'otp', template_data: { code: '847291' } }, [['text', 'content_twice']]],
  ['template data without a template', { template_data: { code: 'c4nary' } }, [['template_data', 'unused']]],
  ['an unknown template', { ...otp, template: 'c4nary' }, [['template', 'unknown_template']]],
  ['an unknown revision', { ...otp, template: 'otp@999' }, [['template', 'unknown_revision']]],
  ['a template that is a path', { ...otp, template: '../c4nary' }, [['template', 'invalid_template']]],
  ['a missing variable', { ...otp, template_data: {} }, [['template_data.code', 'missing_variable']]],
  [
    'no data at all where a variable is needed',
    { ...otp, template_data: undefined },
    [['template_data.code', 'missing_variable']],
  ],
  [
    'a variable of the wrong type',
    { ...otp, template_data: { code: { c4nary: 1 } } },
    [['template_data.code', 'invalid_variable']],
  ],
  [
    'a query where a variable belongs',
    { ...otp, template_data: { code: { $gt: '' } } },
    [['template_data.code', 'invalid_variable']],
  ],
  [
    'a variable that is too long',
    { ...otp, template_data: { code: 'c4nary-is-too-long' } },
    [['template_data.code', 'invalid_variable']],
  ],
  ['a locale that is none', { ...otp, language: '../c4nary' }, [['language', 'invalid_language']]],
  ['a locale with a line break', { ...otp, language: 'de\r\nX: c4nary' }, [['language', 'invalid_language']]],
  [
    'a subject with a line break',
    { subject: 'c4nary\r\nBcc: victim@example.com' },
    [['subject', 'invalid_header_text']],
  ],
  ['a subject with NUL', { subject: 'c4nary\0' }, [['subject', 'invalid_header_text']]],
  [
    'a subject with another line separator',
    { subject: 'c4nary\u2028Bcc' },
    [['subject', 'invalid_header_text']],
  ],
  ['a subject of 999 characters', { subject: 'c4nary'.padEnd(999, 'x') }, [['subject', 'too_long']]],
  [
    'template data above 1 MiB',
    { ...otp, template_data: { code: '847291', more: 'c4nary'.repeat(180_000) } },
    [['template_data', 'too_large']],
  ],
  [
    'more than the sender allows in one message',
    { from: 'a@few.shop.example', text: 'c4nary '.repeat(20_000) },
    [['text', 'too_large']],
  ],

  // --- headers
  ...[
    'Bcc',
    'bcc',
    'From',
    'Sender',
    'To',
    'Subject',
    'DKIM-Signature',
    'Received',
    'List-Post',
    'Message-ID',
    'Content-Type',
    'Return-Path',
    'MIME-Version',
    'X-Packetboat-Key',
  ].map((name): BadRow => [`the header ${name}`, header(name), [[`headers.${name}`, 'reserved_header']]]),
  ['an unknown header', header('Frobnicate'), [['headers.Frobnicate', 'unknown_header']]],
  [
    'a header value with a line break',
    header('X-Note', 'c4nary\r\nBcc: victim@example.com'),
    [['headers.X-Note', 'invalid_header_text']],
  ],
  ['a header value with NUL', header('X-Note', 'c4nary\0'), [['headers.X-Note', 'invalid_header_text']]],
  ['a header name with a line break', header('X-A\r\nBcc'), [['headers.X-A??Bcc', 'invalid_header']]],
  ['a header name with a colon', header('X-A: b'), [['headers.X-A:?b', 'invalid_header']]],
  ['no header name', header(''), [['headers.', 'invalid_header']]],
  ['a header above 8 KiB', header('X-Note', 'c4nary'.repeat(1_400)), [['headers.X-Note', 'header_too_long']]],
  [
    '51 headers',
    { headers: Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`X-${i}`, 'c4nary'])) },
    [['headers', 'too_many_headers']],
  ],
  [
    'one header in two spellings',
    { headers: { 'X-Note': 'c4nary', 'x-note': 'c4nary' } },
    [['headers.x-note', 'duplicate_header']],
  ],

  // --- attachments
  [
    '101 attachments',
    { attachments: Array.from({ length: 101 }, (_, i) => ({ filename: `${i}.txt`, content: 'aGVsbG8=' })) },
    [['attachments', 'too_many_attachments']],
  ],
  [
    'a filename that is a path',
    file({ filename: '../../c4nary' }),
    [['attachments[0].filename', 'invalid_filename']],
  ],
  [
    'a filename that is a path of Windows',
    file({ filename: 'C:\\c4nary' }),
    [['attachments[0].filename', 'invalid_filename']],
  ],
  [
    'a filename with a line break',
    file({ filename: 'c4nary"\r\nX-Header: y' }),
    [['attachments[0].filename', 'invalid_header_text']],
  ],
  [
    'a filename of 256 characters',
    file({ filename: 'c4nary'.padEnd(256, 'x') }),
    [['attachments[0].filename', 'too_long']],
  ],
  ['no filename', file({ filename: undefined }), [['attachments[0].filename', 'missing']]],
  ['no attached content', file({ content: undefined }), [['attachments[0].content', 'missing']]],
  [
    'a content type with a line break',
    file({ content_type: 'text/c4nary\r\nX: y' }),
    [['attachments[0].content_type', 'invalid_content_type']],
  ],
  [
    'a part of a mail',
    file({ content_type: 'message/partial' }),
    [['attachments[0].content_type', 'invalid_content_type']],
  ],
  [
    'an attached mail that is not ASCII',
    file({ content_type: 'message/rfc822', content: Buffer.from('Subject: ü').toString('base64') }),
    [['attachments[0].content', 'invalid_content']],
  ],
  [
    'a file as an alternative',
    file({ content_type: 'application/pdf', disposition: 'alternative' }),
    [['attachments[0].disposition', 'invalid_disposition']],
  ],
  [
    'an attached container',
    file({ content_type: 'multipart/mixed; boundary=c4nary' }),
    [['attachments[0].content_type', 'invalid_content_type']],
  ],
  [
    'a content id that breaks out of its brackets',
    file({ content_id: 'c4nary>\r\nX: y' }),
    [['attachments[0].content_id', 'invalid_content_id']],
  ],
  [
    'an unknown disposition',
    file({ disposition: 'c4nary' }),
    [['attachments[0].disposition', 'invalid_disposition']],
  ],
  [
    'two bad attachments',
    { attachments: [{ filename: '', content: 'aGVsbG8=' }, { filename: 'a/c4nary' }] },
    [
      ['attachments[0].filename', 'missing'],
      ['attachments[1].filename', 'invalid_filename'],
      ['attachments[1].content', 'missing'],
    ],
  ],

  // --- times
  ['a time two years ahead', { scheduled_time: inDays(730) }, [['scheduled_time', 'too_far_ahead']]],
  [
    'the last time there is',
    { scheduled_time: '9999-12-31T23:59:59Z' },
    [['scheduled_time', 'too_far_ahead']],
  ],
  ['an end in the past', { expires_at: inDays(-1) }, [['expires_at', 'too_early']]],
  ['an end in the year 1', { expires_at: '0001-01-01T00:00:00Z' }, [['expires_at', 'too_early']]],
  [
    'an end before its start',
    { scheduled_time: inDays(2), expires_at: inDays(1) },
    [['expires_at', 'too_early']],
  ],

  // --- the rest
  [
    '21 tags',
    { tags: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`tag-${i}`, 'c4nary'])) },
    [['tags', 'too_many_tags']],
  ],
  ['a tag with a dollar', { tags: { $gt: 'c4nary' } }, [['tags', 'invalid_tag']]],
  ['a tag of 257 characters', { tags: { kind: 'c4nary'.padEnd(257, 'x') } }, [['tags.kind', 'invalid_tag']]],
  ['metadata above 16 KiB', { metadata: { text: 'c4nary'.repeat(3_000) } }, [['metadata', 'too_large']]],
  [
    'an idempotency key of 256 characters',
    header('X-Idempotency-Key', 'c4nary'.padEnd(256, 'x')),
    [['headers.Idempotency-Key', 'invalid_idempotency_key']],
  ],
  [
    'everything at once',
    {
      ...to('c4nary', 'user@example.com'),
      reply_to: ['c4nary'],
      subject: 'c4nary\n',
      headers: { Bcc: 'c4nary' },
      language: '!',
      ...file({ filename: '' }),
      tags: { '': '' },
    },
    [
      ['to[0]', 'invalid_address'],
      ['reply_to[0]', 'invalid_address'],
      ['headers.Bcc', 'reserved_header'],
      ['subject', 'invalid_header_text'],
      ['language', 'invalid_language'],
      ['tags', 'invalid_tag'],
      ['attachments[0].filename', 'missing'],
    ],
  ],
];

/** Faults that only JSON can have: 400, each fault with its path. */
export const shapes: Readonly<Record<string, readonly [change: BodyChange, faults: readonly Fault[]]>> = {
  'a query where a text belongs': [{ subject: { $gt: '' } }, [['subject', 'wrong_type']]],
  'a query where the recipient belongs': [
    { to: undefined, recipient: { $gt: '' } },
    [['recipient', 'wrong_type']],
  ],
  'a query where an address belongs': [{ to: [{ email: { $ne: null } }] }, [['to[0].email', 'wrong_type']]],
  'a query where a list belongs': [{ to: { $in: ['c4nary'] } }, [['to.$in', 'unknown_field']]],
  'a number where a text belongs': [{ subject: 5 }, [['subject', 'wrong_type']]],
  'a flag where a text belongs': [{ html: true }, [['html', 'wrong_type']]],
  'a list where a text belongs': [{ text: ['c4nary'] }, [['text', 'wrong_type']]],
  'a number where a list belongs': [{ to: 5 }, [['to', 'wrong_type']]],
  'a number where an address belongs': [{ to: [5] }, [['to[0]', 'wrong_type']]],
  'a list where an address belongs': [{ from: ['c4nary@example.com'] }, [['from', 'wrong_type']]],
  'a list where an object belongs': [{ template_data: ['c4nary'] }, [['template_data', 'wrong_type']]],
  'a text where an object belongs': [{ headers: 'X-Note: c4nary' }, [['headers', 'wrong_type']]],
  'a number as a header': [{ headers: { 'X-Note': 5 } }, [['headers.X-Note', 'wrong_type']]],
  'null as a header': [{ headers: { 'X-Note': null } }, [['headers.X-Note', 'wrong_type']]],
  'a list as a tag': [{ tags: { kind: ['c4nary'] } }, [['tags.kind', 'wrong_type']]],
  'unknown fields, at each depth': [
    {
      receipient: 'c4nary',
      to: [{ email: 'a@example.com', mail: 'c4nary' }],
      attachments: [
        { filename: 'a', content: '', path: '/etc/c4nary', href: 'http://c4nary.example', raw: 'c4nary' },
      ],
    },
    [
      ['to[0].mail', 'unknown_field'],
      ['receipient', 'unknown_field'],
      ['attachments[0].path', 'unknown_field'],
      ['attachments[0].href', 'unknown_field'],
      ['attachments[0].raw', 'unknown_field'],
    ],
  ],
  'a field that is to come': [{ track: { opens: true } }, [['track', 'unknown_field']]],
  'no base64': [file({ content: 'c4nary, not base64!' }), [['attachments[0].content', 'invalid_base64']]],
  'base64 that loses a bit': [file({ content: 'aGVsbG9' }), [['attachments[0].content', 'invalid_base64']]],
  'base64 in two alphabets': [file({ content: '-_+/' }), [['attachments[0].content', 'invalid_base64']]],
  'a data URI': [
    file({ content: 'data:text/plain;base64,aGVsbG8=' }),
    [['attachments[0].content', 'invalid_base64']],
  ],
  'a time in words': [{ scheduled_time: 'tomorrow, c4nary' }, [['scheduled_time', 'invalid_time']]],
  'a time without a zone': [{ scheduled_time: '2026-04-19T14:30:00' }, [['scheduled_time', 'invalid_time']]],
  'the 30th of February': [{ scheduled_time: '2026-02-30T14:30:00Z' }, [['scheduled_time', 'invalid_time']]],
  'a time in the year 10000': [
    { scheduled_time: '10000-01-01T00:00:00Z' },
    [['scheduled_time', 'invalid_time']],
  ],
  'a time as a number': [{ scheduled_time: 1_776_609_000 }, [['scheduled_time', 'invalid_time']]],
  'an unknown priority': [{ priority: 'c4nary' }, [['priority', 'invalid_value']]],
  'a priority in the spelling of the proto': [{ priority: 'PRIORITY_HIGH' }, [['priority', 'invalid_value']]],
  'a priority as a number': [{ priority: 1 }, [['priority', 'invalid_value']]],
  'an unknown environment': [{ environment: 'c4nary' }, [['environment', 'invalid_value']]],
  'a text that is half a character': [{ subject: 'c4nary\ud800' }, [['subject', 'invalid_text']]],
  'half a character in template data': [
    { ...otp, template_data: { code: ['\ud800'] } },
    [['template_data.code[0]', 'invalid_text']],
  ],
  'two faults of two kinds': [
    { subject: 5, priority: 'c4nary' },
    [
      ['subject', 'wrong_type'],
      ['priority', 'invalid_value'],
    ],
  ],
};

/** Invalid bytes as bodies: 400, with the path of the fault if there is one. */
export const bodies: Readonly<
  Record<string, readonly [body: string | Uint8Array<ArrayBuffer>, faults?: readonly Fault[]]>
> = {
  words: ['c4nary'],
  'JSON that is cut off': [JSON.stringify(good).slice(0, -1)],
  'a comma too many': ['{"subject":"c4nary",}'],
  'single quotes': ["{'subject':'c4nary'}"],
  'two values': [`${JSON.stringify(good)}${JSON.stringify(good)}`],
  'a comment': [`/* c4nary */${JSON.stringify(good)}`],
  NaN: ['{"subject":NaN}'],
  'a form': ['to=c4nary%40example.com&subject=c4nary'],
  XML: ['<?xml version="1.0"?><c4nary/>'],
  'a list': ['[]', [['', 'wrong_type']]],
  'a text': ['"c4nary"', [['', 'wrong_type']]],
  'a number': ['42', [['', 'wrong_type']]],
  null: ['null', [['', 'wrong_type']]],
  'broken UTF-8': [
    Buffer.concat([Buffer.from('{"subject":"c4nary'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')]),
  ],
  'UTF-16': [Buffer.from(JSON.stringify(good), 'utf16le')],
  'a bare control character in a text': ['{"subject":"c4nary\n"}'],
  'a prototype at the top': ['{"__proto__":{"subject":"c4nary"}}', [['__proto__', 'unknown_field']]],
  'a prototype in template data': [
    `{"to":["a@example.com"],"template":"otp","template_data":{"code":"1","__proto__":{"c4nary":1},"a":{"constructor":{"prototype":1}}}}`,
    [
      ['template_data.__proto__', 'forbidden_name'],
      ['template_data.a.constructor', 'forbidden_name'],
    ],
  ],
  'a prototype in headers, tags and metadata': [
    `{"to":["a@example.com"],"subject":"a","text":"a","headers":{"__proto__":"c4nary"},"tags":{"constructor":"c4nary"},"metadata":{"prototype":1}}`,
    [
      ['headers.__proto__', 'forbidden_name'],
      ['tags.constructor', 'forbidden_name'],
      ['metadata.prototype', 'forbidden_name'],
    ],
  ],
  'a name twice': [
    `{"to":["c4nary@example.com"],"subject":"a","text":"a","to":["a@example.com"]}`,
    [['to', 'repeated']],
  ],
  'a name twice, above 64 KiB': [
    `{"to":["a@example.com"],"subject":"a","text":"${'c4nary'.repeat(20_000)}","tags":{"a":"c4nary","a":"b"}}`,
    [['tags.a', 'repeated']],
  ],
  'a number without end': [
    '{"to":["a@example.com"],"subject":"a","text":"a","metadata":{"n":1e400}}',
    [['metadata.n', 'out_of_range']],
  ],
  'template data 33 deep': [
    `{"to":["a@example.com"],"template":"otp","template_data":{"code":${'['.repeat(31)}${']'.repeat(31)}}}`,
    [[`template_data.code${'[0]'.repeat(30)}`, 'too_deep']],
  ],
  '10,000 deep': [`{"to":${'['.repeat(10_000)}${']'.repeat(10_000)}}`, [['to[0]', 'wrong_type']]],
  '10,000 deep, above 64 KiB': [
    `{"text":"${'c4nary'.repeat(20_000)}","to":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
  ],
  '100,001 brackets': [`{"to":[${'{},'.repeat(50_001)}{}]}`],
};
