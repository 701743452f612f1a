import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptLimits } from '../limits/accept.ts';
import { headerTextError, IDEMPOTENCY_KEY_HEADER, parseHeaders } from './headers.ts';

describe('a caller may set', () => {
  it.each([
    ['X-Order', '4711'],
    ['x-order', 'Größe ✉'],
    ['X-Empty', ''],
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
    ['List-Unsubscribe', 'is reserved'],
    ['List-Unsubscribe-Post', 'is reserved'],
    ['list-id', 'is reserved'],
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
    ['a\r\nBcc: b@c.example', 'control'],
    ['a\r', 'control'],
    ['\na', 'control'],
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
