import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentEncoder } from './content-encoder.ts';
import type { BlobEncoding } from './mail.ts';

function encode(encoding: BlobEncoding, ...chunks: readonly (string | Uint8Array)[]): string {
  const encoder = contentEncoder(encoding);
  const out = chunks.map((chunk) =>
    Buffer.from(encoder.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)),
  );
  return Buffer.concat([...out, encoder.end()]).toString('latin1');
}

/** The decoding that RFC 2045 6.7 defines. */
function unquote(text: string): Buffer {
  const joined = text.replaceAll('=\r\n', '');
  return Buffer.from(
    joined.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

describe('quoted-printable', () => {
  it.each([
    ['nothing', [''], ''],
    ['plain text as it is', ['Hello, world! ~'], 'Hello, world! ~'],
    ['an equals sign', ['a=b'], 'a=3Db'],
    ['bytes beyond ASCII', ['größe'], 'gr=C3=B6=C3=9Fe'],
    ['controls', ['a\0b\x7f\f'], 'a=00b=7F=0C'],
    ['LF as CRLF', ['a\nb\n'], 'a\r\nb\r\n'],
    ['CR as CRLF', ['a\rb\r'], 'a\r\nb\r\n'],
    ['CRLF as itself', ['a\r\n\r\nb'], 'a\r\n\r\nb'],
    ['LF CR as two breaks', ['a\n\rb'], 'a\r\n\r\nb'],
    ['CRLF across chunks as one break', ['a\r', '\nb'], 'a\r\nb'],
    ['CR, then a chunk of text, then LF as two', ['a\r', 'b', '\n'], 'a\r\nb\r\n'],
    ['blanks within a line', ['a b\tc  d'], 'a b\tc  d'],
    ['a blank before a break', ['a \r\nb\t\nc  \r'], 'a=20\r\nb=09\r\nc =20\r\n'],
    ['a blank at the end', ['a '], 'a=20'],
    ['a blank at the end of a chunk', ['a ', 'b'], 'a b'],
    ['a blank before a break in the next chunk', ['a ', '\nb'], 'a=20\r\nb'],
    ['chunks that are blanks', ['a', ' ', '', ' ', ' ', '\r\n'], 'a  =20\r\n'],
    ['a long line', ['a'.repeat(80)], `${'a'.repeat(75)}=\r\n${'a'.repeat(5)}`],
    ['a line of exactly 75', [`${'a'.repeat(75)}\n`], `${'a'.repeat(75)}\r\n`],
    ['no triplet in two', [`${'a'.repeat(73)}=`], `${'a'.repeat(73)}=\r\n=3D`],
    ['a blank that no longer fits', [`${'a'.repeat(74)} \n`], `${'a'.repeat(74)}=\r\n=20\r\n`],
  ])('%s', (_, chunks, expected) => expect(encode('quoted-printable', ...chunks)).toBe(expected));
});

describe('base64', () => {
  it.each([
    ['nothing', [''], ''],
    ['padding once, at the end', ['a', 'b'], 'YWI='],
    ['a full line', ['a'.repeat(57)], 'YWFh'.repeat(19)],
    ['a line and a byte', ['a'.repeat(58)], `${'YWFh'.repeat(19)}\r\nYQ==`],
    [
      'two lines in odd chunks',
      ['a'.repeat(50), 'a'.repeat(20), 'a'.repeat(44)],
      `${'YWFh'.repeat(19)}\r\n${'YWFh'.repeat(19)}`,
    ],
  ])('%s', (_, chunks, expected) => expect(encode('base64', ...chunks)).toBe(expected));

  it('does not keep a reference to the chunk', () => {
    const encoder = contentEncoder('base64');
    const chunk = Buffer.from('ab');
    const first = Buffer.from(encoder.push(chunk));
    chunk.fill(0);
    expect(Buffer.concat([first, encoder.end()]).toString()).toBe('YWI=');
  });
});

describe('for any content in any chunks', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(fc.constantFrom(13, 10, 32, 9, 61, 65, 195), { maxLength: 400 })
      .map((values) => Uint8Array.from(values)),
  );
  const cut = (content: Uint8Array, sizes: readonly number[]) => {
    const chunks: Uint8Array[] = [];
    let start = 0;
    for (const size of sizes) {
      chunks.push(content.subarray(start, start + size));
      start += size;
    }
    return [...chunks, content.subarray(start)];
  };
  const sizes = fc.array(fc.nat({ max: 90 }), { maxLength: 12 });

  it.each<BlobEncoding>(['base64', 'quoted-printable'])(
    '%s is the same text, with lines of at most 76 and CRLF only',
    (encoding) => {
      fc.assert(
        fc.property(bytes, sizes, (content, at) => {
          const whole = encode(encoding, content);
          expect(encode(encoding, ...cut(content, at))).toBe(whole);
          expect(whole).toMatch(/^[\r\n\t -~]*$/);
          for (const line of whole.split('\r\n')) expect(line).toMatch(/^(?:[\t -~]{0,75}[!-~])?$/);
        }),
      );
    },
  );

  it('base64 is decoded to the same bytes', () => {
    fc.assert(
      fc.property(bytes, (content) => Buffer.from(encode('base64', content), 'base64').equals(content)),
    );
  });

  it('quoted-printable is decoded to the same bytes, apart from line breaks', () => {
    fc.assert(
      fc.property(bytes, (content) => {
        const canonical = Buffer.from(content)
          .toString('latin1')
          .replace(/\r\n?|\n/g, '\r\n');
        expect(unquote(encode('quoted-printable', content)).toString('latin1')).toBe(canonical);
      }),
    );
  });
});
