import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Address } from '../../address.ts';
import { dateTime, mailboxField, parameter, textField } from './header-field.ts';

const to = (name: string | null, address = 'a@b.example') => ({ name, address: address as Address });

describe('a text field', () => {
  it.each([
    ['plain', 'Your order 4711', 'Subject: Your order 4711\r\n'],
    ['empty', '', 'Subject: \r\n'],
    ['several spaces', 'a  b', 'Subject: a  b\r\n'],
    ['a short one beyond ASCII', 'Größe', 'Subject: =?UTF-8?B?R3LDtsOfZQ==?=\r\n'],
    [
      'mostly ASCII',
      'Your order for Jürgen is on its way',
      'Subject: =?UTF-8?Q?Your_order_for_J=C3=BCrgen_is_on_its_way?=\r\n',
    ],
    ['what looks encoded', '=?utf-8?q?a?=', 'Subject: =?UTF-8?B?PT91dGYtOD9xP2E/PQ==?=\r\n'],
    ['a line break', 'a\r\nBcc: b@c.example', 'Subject: a Bcc: b@c.example\r\n'],
    ['half a surrogate pair', 'a\ud800', 'Subject: =?UTF-8?B?Ye+/vQ==?=\r\n'],
    ['a word that fits no line', 'w'.repeat(200), `Subject: ${'w'.repeat(200)}\r\n`],
    ['then such a word', `a ${'w'.repeat(200)} b`, `Subject: a\r\n ${'w'.repeat(200)}\r\n b\r\n`],
  ])('%s', (_, text, expected) => expect(textField('Subject', text)).toBe(expected));

  it.each([
    ['a word', 'w'.repeat(3_000)],
    ['a run of spaces', `a${' '.repeat(3_000)}b`],
  ])('is encoded for %s that no line has room for', (_, text) => {
    for (const line of textField('Subject', text).split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
  });

  it('is folded at spaces, which are kept', () => {
    const text = 'word  '.repeat(40).trim();
    const field = textField('Subject', text);
    expect(field.replaceAll('\r\n', '')).toBe(`Subject: ${text}`);
    for (const line of field.split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
  });
});

describe('a field of mailboxes', () => {
  it.each([
    ['an address', [to(null)], 'To: a@b.example\r\n'],
    ['a name', [to('Ana Lovelace')], 'To: Ana Lovelace <a@b.example>\r\n'],
    ['a name to be quoted', [to('Lovelace, "Ana" \\')], 'To: "Lovelace, \\"Ana\\" \\\\" <a@b.example>\r\n'],
    ['a name with a dot', [to('A. Lovelace')], 'To: "A. Lovelace" <a@b.example>\r\n'],
    ['a name with several spaces', [to('Ana  Lovelace')], 'To: "Ana  Lovelace" <a@b.example>\r\n'],
    ['a name beyond ASCII', [to('Jürgen')], 'To: =?UTF-8?Q?J=C3=BCrgen?= <a@b.example>\r\n'],
    [
      'a name that looks encoded',
      [to('=?utf-8?q?a?=')],
      'To: =?UTF-8?B?PT91dGYtOD9xP2E/PQ==?= <a@b.example>\r\n',
    ],
    ['a name with a line break', [to('a\r\nBcc: b')], 'To: "a Bcc: b" <a@b.example>\r\n'],
    ['several', [to('Ana'), to(null), to('Bo')], 'To: Ana <a@b.example>, a@b.example, Bo <a@b.example>\r\n'],
    ['a UTF-8 address as it is', [to(null, 'jürgen@b.example')], 'To: jürgen@b.example\r\n'],
  ])('%s', (_, mailboxes, expected) => expect(mailboxField('To', mailboxes)).toBe(expected));

  it('is folded between mailboxes', () => {
    const lines = mailboxField(
      'To',
      Array.from({ length: 50 }, () => to('Ana Lovelace')),
    ).split('\r\n');
    expect(lines.length).toBeGreaterThan(20);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(76);
  });
});

describe('a parameter', () => {
  it.each([
    ['plain', 'a b.pdf', ';\r\n filename="a b.pdf"'],
    ['with quotes', 'a"b\\.pdf', ";\r\n filename*=UTF-8''a%22b%5C.pdf"],
    ['beyond ASCII', 'größe.pdf', ";\r\n filename*=UTF-8''gr%C3%B6%C3%9Fe.pdf"],
    ['with a line break', 'a\r\nX: b', ';\r\n filename="a X: b"'],
    ['what looks encoded', '=?utf-8?q?a?=', ";\r\n filename*=UTF-8''%3D%3Futf-8%3Fq%3Fa%3F%3D"],
    [
      'a long one',
      `${'a'.repeat(100)}.pdf`,
      `;\r\n filename*0*=UTF-8''${'a'.repeat(54)};\r\n filename*1*=${'a'.repeat(46)}.pdf`,
    ],
  ])('%s', (_, text, expected) => expect(parameter('filename', text)).toBe(expected));
});

it('a date is in UTC', () =>
  expect(dateTime(Date.UTC(2026, 0, 5, 6, 50, 5, 999))).toBe('Mon, 05 Jan 2026 06:50:05 +0000'));

describe('for any text', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc
      .array(fc.constantFrom('ü', '例', '😀', ' ', 'a', '=?', '"', '\r', '\n', '\0', '\ud800'), {
        maxLength: 200,
      })
      .map((parts) => parts.join('')),
  );

  it('no field contains a bare CR or LF, another field, or a line above 76 that could be folded', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const field of [
          textField('X-A', text),
          mailboxField('X-A', [to(text), to(text)]),
          `X-A: b${parameter('filename', text)}\r\n`,
        ]) {
          const lines = field.split('\r\n');
          expect(lines.pop()).toBe('');
          expect(lines[0]).toMatch(/^X-A:/);
          for (const line of lines) expect(line).toMatch(/^[ -~]*$/);
          for (const line of lines.slice(1)) expect(line).toMatch(/^ +[^ ]/);
          for (const line of lines) expect(line.length <= 76 || !/[^ ] /.test(line.slice(5))).toBe(true);
        }
      }),
    );
  });

  it('each encoded word is at most 75 characters and whole by itself', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const [word, encoding, content = ''] of textField('Subject', text).matchAll(
          /=\?UTF-8\?([BQ])\?([^?]*)\?=/g,
        )) {
          expect(word.length).toBeLessThanOrEqual(75);
          const bytes =
            encoding === 'B'
              ? Buffer.from(content, 'base64')
              : Buffer.from(
                  content.replace(/=(..)/g, (_, hex: string) =>
                    String.fromCharCode(Number.parseInt(hex, 16)),
                  ),
                  'latin1',
                );
          expect(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes)).not.toThrow();
        }
      }),
    );
  });
});
