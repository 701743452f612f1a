import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { BodyHash, fieldsOf, relaxedField } from './canonical.ts';

test.each([
  // RFC 6376, section 3.4.5
  ['A: X', 'a:X'],
  ['B : Y\t\r\n\tZ  ', 'b:Y Z'],
  ['Subject:  many   blanks \t here\t', 'subject:many blanks here'],
  ['X-Empty:', 'x-empty:'],
  ['X-Colons: a:b: c', 'x-colons:a:b: c'],
])('%j is signed as %j', (field, relaxed) => {
  expect(relaxedField(field)).toBe(relaxed);
});

test('a header is split into its fields, folded fields included', () => {
  expect(fieldsOf('A: 1\r\nB: 2\r\n\t3\r\n 4\r\nC: 5\r\n')).toEqual(['A: 1', 'B: 2\r\n\t3\r\n 4', 'C: 5']);
});

const sha256 = (text: string): string => createHash('sha256').update(text, 'latin1').digest('base64');

const bodies: readonly [string, string][] = [
  // RFC 6376, section 3.4.5
  [' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n'],
  ['', ''],
  ['\r\n\r\n\r\n', ''],
  ['no end', 'no end\r\n'],
  ['a\r\n\r\n\r\nb\r\n', 'a\r\n\r\n\r\nb\r\n'],
  [' \t \r\n\r\n', ''],
  ['a\r\n \r\n\t\r\nb', 'a\r\n\r\n\r\nb\r\n'],
  ['\r\na', '\r\na\r\n'],
  ['.\r\n..\r\n', '.\r\n..\r\n'],
  ['h\u00e4\u00df\r\n', 'h\u00e4\u00df\r\n'],
];

test.each(bodies)('the body %j is hashed as %j', (body, canonical) => {
  const hash = new BodyHash();
  hash.push(Buffer.from(body, 'latin1'));
  expect(hash.digest()).toBe(sha256(canonical));
});

test('the hash of a body does not depend on its chunks', () => {
  for (const [body, canonical] of bodies) {
    for (const size of [1, 2, 3]) {
      const hash = new BodyHash();
      const bytes = Buffer.from(body, 'latin1');
      for (let at = 0; at < bytes.length; at += size) hash.push(bytes.subarray(at, at + size));
      expect(hash.digest()).toBe(sha256(canonical));
    }
  }
});
