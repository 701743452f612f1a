import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptLimits } from '../limits/accept.ts';
import {
  headerField,
  headerTextError,
  IDEMPOTENCY_KEY_HEADER,
  mergeHeaders,
  parseHeaders,
} from './headers.ts';
import { oneClickError } from './list-headers.ts';

describe('a caller may set', () => {
  it.each([
    ['X-Order', '4711'],
    ['x-order', 'Größe ✉'],
    ['X-Long', 'w'.repeat(8_000)],
    ['In-Reply-To', '<a@b.example>'],
    ['References', '<a@b.example> <c@d.example>'],
    ['Organization', 'Müller GmbH'],
    ['Precedence', 'bulk'],
  ])('%s', (name, value) =>
    expect(parseHeaders({ [name]: value })).toEqual({ headers: { [name]: value }, errors: [] }),
  );

  it('a value with spaces around it, which are removed', () =>
    expect(parseHeaders({ 'X-A': '  b  c ' }).headers).toEqual({ 'X-A': 'b  c' }));
});

/** Each header with values as they are given, and as they are on the wire. */
const forms: readonly (readonly [name: string, given: string, wire: string])[] = [
  ['Auto-Submitted', 'auto-generated', 'auto-generated'],
  [
    'Auto-Submitted',
    'auto-replied; owner-email="a b@c.example"',
    'auto-replied; owner-email="a b@c.example"',
  ],
  ['Content-Language', 'de-AT, en', 'de-AT, en'],
  ['Disposition-Notification-To', 'Ana <ana@b.example>,ben@b.example', 'Ana <ana@b.example>, ben@b.example'],
  ['Disposition-Notification-To', '"Ana, Ben" <ana@b.example>', '"Ana, Ben" <ana@b.example>'],
  ['Disposition-Notification-To', 'Jürgen <j@b.example>', '=?UTF-8?Q?J=C3=BCrgen?= <j@b.example>'],
  ['Disposition-Notification-To', 'j@bücher.example', 'j@xn--bcher-kva.example'],
  ['Feedback-ID', 'summer:shop:invoice:packetboat', 'summer:shop:invoice:packetboat'],
  ['Feedback-ID', ':::packetboat', ':::packetboat'],
  ['Feedback-ID', 'packetboat', 'packetboat'],
  ['Importance', 'High', 'high'],
  ['Precedence', 'BULK', 'bulk'],
  ['List-Id', '<orders.shop.example>', '<orders.shop.example>'],
  ['List-Id', 'Orders of the Shop <orders.shop.example>', 'Orders of the Shop <orders.shop.example>'],
  ['List-Id', '"Orders, all" <orders.shop.example>', '"Orders, all" <orders.shop.example>'],
  ['List-Id', 'Aufträge <orders.shop.example>', '=?UTF-8?B?QXVmdHLDpGdl?= <orders.shop.example>'],
  ['List-Unsubscribe', '<https://b.example/u?t=1>', '<https://b.example/u?t=1>'],
  [
    'List-Unsubscribe',
    '<mailto:u@b.example?subject=u%201>,<https://b.example/u,2>',
    '<mailto:u@b.example?subject=u%201>, <https://b.example/u,2>',
  ],
  ['List-Unsubscribe', '<https://b.example/?q=?UTF-8?Q?a?=>', '<https://b.example/?q=?UTF-8?Q?a?=>'],
  ['List-Unsubscribe', '<https://b.example/\r\n\tu>', '<https://b.example/u>'],
  ['List-Unsubscribe', '(one, two) <mailto:u@b.example>', '(one, two) <mailto:u@b.example>'],
  ['List-Help', '<http://b.example/>(the guide)', '<http://b.example/> (the guide)'],
  ['List-Owner', '<mailto:o@b.example> (Ana)', '<mailto:o@b.example> (Ana)'],
  ['List-Archive', '<https://b.example/archive/>', '<https://b.example/archive/>'],
  ['List-Unsubscribe-Post', 'list-unsubscribe=one-click', 'List-Unsubscribe=One-Click'],
  ['list-unsubscribe', '<https://b.example/>', '<https://b.example/>'],
  ['X-Folded', 'a\r\n b\n\t c', 'a b c'],
];

it.each(forms)('%s: %j is written as %j', (name, given, wire) => {
  const { headers, errors } = parseHeaders({ [name]: given });
  expect(errors).toEqual([]);
  const [[written = '', value = ''] = []] = Object.entries(headers);
  const field = headerField(written, value);
  expect(written.toLowerCase()).toBe(name.toLowerCase());
  expect(field.slice(written.length + 2).replaceAll('\r\n', '')).toBe(wire);
  for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(78);
});

describe('a value without the form of its header is refused', () => {
  it.each([
    ['Auto-Submitted', 'yes', 'auto-generated'],
    ['Auto-Submitted', 'no; a', 'auto-generated'],
    ['Content-Language', 'de_AT', 'language tags'],
    ['Content-Language', 'de,', 'language tags'],
    ['Disposition-Notification-To', 'ana', 'no @'],
    ['Disposition-Notification-To', 'a@b.example,', 'empty'],
    ['Disposition-Notification-To', 'jürgen@b.example', 'must be ASCII'],
    ['Feedback-ID', 'a:b:c:d:e', '1 to 4 identifiers'],
    ['Feedback-ID', 'a:b:', '1 to 4 identifiers'],
    ['Feedback-ID', 'a b', '1 to 4 identifiers'],
    ['Importance', 'urgent', '`high`, `normal` or `low`'],
    ['Precedence', 'fast', '`bulk`'],
    ['List-Id', 'orders.shop.example', 'in angle brackets'],
    ['List-Id', '<orders>', 'in angle brackets'],
    ['List-Id', '<örders.shop.example>', 'in angle brackets'],
    ['List-Id', '<a.b> <c.d>', 'in angle brackets'],
    ['List-Id', `<${'a.'.repeat(127)}bc>`, 'in angle brackets'],
    ['List-Unsubscribe', 'https://b.example/', 'in angle brackets'],
    ['List-Unsubscribe', '<b.example>', 'with the scheme'],
    ['List-Unsubscribe', '<javascript:alert(1)>', 'with the scheme'],
    ['List-Unsubscribe', '<>', 'with the scheme'],
    ['List-Unsubscribe', '<mailto:>', 'with the scheme'],
    ['List-Unsubscribe', '<https:b.example>', 'with the scheme'],
    ['List-Unsubscribe', '<https:///u>', 'with the scheme'],
    ['List-Unsubscribe', '(<https://b.example/>) <mailto:u@b.example>', 'in angle brackets'],
    ['List-Unsubscribe', '<https://b.example/>,', 'separated by commas'],
    ['List-Unsubscribe', '<https://b.example/> <mailto:u@b.example>', 'separated by commas'],
    ['List-Unsubscribe', '<https://b.example/ü>', 'percent-encode'],
    ['List-Unsubscribe', `<https://b.example/${'a'.repeat(900)}>`, 'at most 900'],
    ['List-Unsubscribe-Post', 'One-Click', '`List-Unsubscribe=One-Click`'],
  ])('%s: %s', (name, value, why) => {
    const { headers, errors } = parseHeaders({ [name]: value });
    expect(headers).toEqual({});
    expect(errors).toMatchObject([{ field: `headers.${name}`, code: 'invalid_header' }]);
    expect(errors[0]?.message).toContain(why);
  });
});

it.each(['', ' ', '\u00a0', '\u200b', '\r\n '])('a header with the blank value %j is absent', (value) =>
  expect(parseHeaders({ 'X-A': value, 'List-Unsubscribe': value })).toEqual({ headers: {}, errors: [] }),
);

it('a long List-Unsubscribe is folded between its URIs', () => {
  const long = `<https://b.example/${'a'.repeat(300)}>`;
  const { headers } = parseHeaders({ 'List-Unsubscribe': `<mailto:u@b.example>,${long}` });
  expect(headerField('List-Unsubscribe', headers['List-Unsubscribe'] ?? '')).toBe(
    `List-Unsubscribe: <mailto:u@b.example>,\r\n ${long}\r\n`,
  );
});

it.each([
  [{ 'List-Unsubscribe-Post': 'x' }, false],
  [{ 'List-Unsubscribe-Post': 'x', 'List-Unsubscribe': '<mailto:u@b.example>' }, false],
  [{ 'List-Unsubscribe-Post': 'x', 'List-Unsubscribe': '<mailto:u@b.example>, <https://b.example/>' }, true],
  [{ 'List-Unsubscribe': '<mailto:u@b.example>' }, true],
])('List-Unsubscribe-Post needs an https URI: %j', (headers, isValid) => {
  const error = oneClickError(headers, 'headers');
  if (isValid) expect(error).toBeNull();
  else expect(error).toMatchObject({ field: 'headers.List-Unsubscribe-Post', code: 'invalid_header' });
});

it('the headers of a request take precedence over those of a template, in any capitals', () =>
  expect(
    mergeHeaders({ 'X-A': '1', 'X-B': '2', 'List-Id': '<a.b>' }, { 'x-a': '3', 'List-Id': '<c.d>' }),
  ).toEqual({ 'X-B': '2', 'x-a': '3', 'List-Id': '<c.d>' }));

describe('a caller may not set', () => {
  it.each([
    ['Bcc', 'use the field bcc'],
    ['BCC', 'use the field bcc'],
    ['From', 'use the field from'],
    ['Sender', 'use the field from'],
    ['To', 'use the field to'],
    ['Cc', 'use the field cc'],
    ['Subject', 'use the field subject'],
    ['Reply-To', 'use the field reply_to'],
    ['DKIM-Signature', 'is reserved'],
    ['ARC-Seal', 'is reserved'],
    ['Authentication-Results', 'is reserved'],
    ['Received', 'is reserved'],
    ['Received-SPF', 'is reserved'],
    ['List-Post', 'is reserved'],
    ['Content-ID', 'is reserved'],
    ['Message-ID', 'is reserved'],
    ['message-id', 'is reserved'],
    ['Date', 'is reserved'],
    ['Return-Path', 'is reserved'],
    ['Return-Receipt-To', 'is reserved'],
    ['Resent-Bcc', 'is reserved'],
    ['Content-Type', 'is reserved'],
    ['Content-Transfer-Encoding', 'is reserved'],
    ['MIME-Version', 'is reserved'],
    ['X-Packetboat-Tag', 'is reserved'],
    ['Subjects', 'Only headers that begin with X-'],
    ['Dates', 'Only headers that begin with X-'],
    ['X', 'Only headers that begin with X-'],
    ['', 'letters, digits'],
    ['X-A:', 'letters, digits'],
    ['X A', 'letters, digits'],
    ['X-Ä', 'letters, digits'],
    ['X-A\r\nBcc', 'letters, digits'],
    ['X-A\0', 'letters, digits'],
    [`X-${'a'.repeat(75)}`, 'at most 76'],
  ])('%j', (name, why) => {
    const { headers, errors } = parseHeaders({ [name]: 'value' });
    expect(headers).toEqual({});
    expect(errors).toHaveLength(1);
    expect(errors[0]?.message).toContain(why);
  });

  it.each([
    ['a\r\nBcc: b@c.example', 'line break'],
    ['a\r', 'line break'],
    ['\na', 'line break'],
    ['a\n', 'line break'],
    ['a\n\n b', 'line break'],
    ['a\r b', 'line break'],
    ['a\0', 'control'],
    ['a\tb', 'control'],
    ['a\u0085b', 'control'],
    ['a\u2028b', 'control'],
    ['a\x7f', 'control'],
    ['a\ud800', 'Unicode'],
    ['a'.repeat(8_192), 'at most 8192 bytes'],
    ['ä'.repeat(4_096), 'at most 8192 bytes'],
  ])('the value %#', (value, why) => {
    const { errors } = parseHeaders({ 'X-Foo': value });
    expect(errors).toMatchObject([{ field: 'headers.X-Foo' }]);
    expect(errors[0]?.message).toContain(why);
  });

  it.each(['<ä@b.example>', `<${'a'.repeat(900)}@b.example>`, '=?utf-8?q?a?='])('References: %s', (value) => {
    expect(parseHeaders({ References: value }).errors).toMatchObject([
      { field: 'headers.References', code: 'invalid_header' },
    ]);
  });
});

it('all faults are reported, each with its path', () => {
  const { errors } = parseHeaders({
    'X-A': 'b\n',
    Bcc: 'c@d.example',
    'X-E': 'f',
    'x-e': 'g',
    'X-H\r\n': 'i',
  });
  expect(errors.map((error) => error.field)).toEqual([
    'headers.X-A',
    'headers.Bcc',
    'headers.x-e',
    'headers.X-H??',
  ]);
  expect(errors.map((error) => error.code)).toEqual([
    'invalid_header_text',
    'reserved_header',
    'duplicate_header',
    'invalid_header',
  ]);
});

it('headers beyond the limit are not looked at', () => {
  const bad = Object.fromEntries(
    Array.from({ length: acceptLimits.headersMax + 1 }, (_, i) => [`Y-${i}`, 'a']),
  );
  expect(parseHeaders(bad).errors).toHaveLength(acceptLimits.headersMax);
});

it('the idempotency key is not a header of the mail, in any spelling', () => {
  expect(parseHeaders({ 'X-Idempotency-Key': 'order-1', 'X-A': 'b' })).toEqual({
    headers: { 'X-A': 'b' },
    errors: [],
  });
  expect(IDEMPOTENCY_KEY_HEADER).toBe('x-idempotency-key');
});

it('a subject, a name or a filename may be any text on one line', () => {
  expect(headerTextError('subject', 'Größe: 例え ✉ \u200f')).toBeNull();
  expect(headerTextError('subject', 'a\r\nBcc: b@c.example')).toMatchObject({
    field: 'subject',
    code: 'invalid_header_text',
  });
});

it('no accepted value can end a line', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.string({ unit: 'binary' })), (given) => {
      for (const [name, value] of Object.entries(parseHeaders(given).headers))
        expect(name + value).not.toMatch(/\p{Cc}/u);
    }),
  );
});
