import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBase64, faultOfBase64 } from './base64.ts';

const read = (text: string): number[] | null => {
  const bytes = decodeBase64(text);
  return bytes === null ? null : [...bytes];
};

describe('base64 is read', () => {
  test.each<[string, string, number[]]>([
    ['empty', '', []],
    ['of a line break alone', '\r\n', []],
    ['of one byte', 'QQ==', [65]],
    ['of one byte without padding', 'QQ', [65]],
    ['of two bytes', 'QUI=', [65, 66]],
    ['of two bytes without padding', 'QUI', [65, 66]],
    ['of three bytes', 'QUJD', [65, 66, 67]],
    ['in the alphabet for URLs', '-_-_', [251, 255, 191]],
    ['in the alphabet for URLs, padded', '_w==', [255]],
    ['in the standard alphabet', '+/+/', [251, 255, 191]],
    ['with a line break within a quad', 'QU\nJD', [65, 66, 67]],
    ['with a line break at the end', 'QUJD\r\n', [65, 66, 67]],
    ['with line breaks around its padding', 'QQ\r\n=\n=\n', [65]],
  ])('%s', (_, text, bytes) => {
    expect(read(text)).toEqual(bytes);
  });

  test('of any length, also where the pieces meet', () => {
    const wrapped = (text: string): string => text.replace(/.{1,76}/g, '$&\r\n');
    for (const length of [1, 2, 3, 49_150, 49_151, 49_152, 49_153, 98_304, 100_000]) {
      const content = Buffer.alloc(length, 0xf7);
      const written = [
        content.toString('base64'),
        content.toString('base64url'),
        content.toString('base64').replace(/=+$/, ''),
        wrapped(content.toString('base64')),
        wrapped(content.toString('base64url')),
      ];
      for (const text of written) expect(decodeBase64(text)?.equals(content)).toBe(true);
    }
  });

  test('as it was written, however it is wrapped', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.constantFrom('base64' as const, 'base64url' as const),
        fc.integer({ min: 1, max: 9 }),
        (bytes, alphabet, width) => {
          const text = Buffer.from(bytes).toString(alphabet);
          expect(read(text.replace(new RegExp(`.{${width}}`, 'g'), '$&\n'))).toEqual([...bytes]);
        },
      ),
    );
  });
});

describe('is rejected', () => {
  test.each([
    ['a single character', 'Q'],
    ['a character too many', 'QUJDQ'],
    ['bits left over', 'QR=='],
    ['bits left over, without padding', 'QR'],
    ['bits left over in two bytes', 'QUJ='],
    ['one padding character of two', 'QQ='],
    ['three padding characters', 'QQ==='],
    ['padding alone', '===='],
    ['padding after a whole quad', 'QUJD='],
    ['text after the padding', 'QQ==QUJD'],
    ['padding in the middle', 'QQ=Q'],
    ['two alphabets', '+_+_'],
    ['a space, which may have been a plus', 'QU JD'],
    ['a tab', 'QUJD\t'],
    ['another character', 'QU!D'],
    ['a letter beyond ASCII', 'QU\u0141D'],
    ['a data URI', 'data:text/plain;base64,QUJD'],
  ])('%s', (_, text) => {
    expect(read(text)).toBeNull();
    expect(read('QUJD'.repeat(16_384) + text)).toBeNull();
  });

  test.each([-1, 0, 1, 65_535, 65_536, 131_070])('a wrong character at position %i', (at) => {
    const good = Buffer.alloc(100_000, 0xa7).toString('base64');
    const index = at < 0 ? good.length + at : at;
    expect(read(`${good.slice(0, index)}*${good.slice(index + 1)}`)).toBeNull();
  });

  test('with a message that names the prefix of a data URI, and no content', () => {
    expect(faultOfBase64('data:text/plain;base64,QUJD')).toBe(
      'This is a data URI. Omit everything up to the comma, and give only the base64.',
    );
    expect(faultOfBase64('secret!')).toBe(
      'This must be base64 (RFC 4648). Padding and line breaks are optional.',
    );
  });
});
