import { expect, test } from 'vitest';
import { isBlank, presentPart } from './blank.ts';

test.each([
  [null, true],
  [undefined, true],
  ['', true],
  [' \t\r\n\f\v', true],
  ['\u00a0\u2003\u3000', true],
  ['\ufeff', true],
  ['\u200b\u200e\u2060\u00ad', true],
  ['\0\u0007\u0085', true],
  ['\u2028\u2029', true],
  ['\u3164\u115f\ufe0f\u034f\u2800', true],
  ['.', false],
  [' 0 ', false],
  ['\u200bx', false],
  ['❤\ufe0f', false],
  ['👍', false],
  ['\ue000', false],
  ['<p></p>', false],
  ['<img src="cid:logo">', false],
  ['&nbsp;', false],
])('%j is blank: %s', (text, expected) => {
  expect(isBlank(text)).toBe(expected);
  expect(presentPart(text)).toBe(expected ? null : text);
});

test('2 MiB of spaces are blank', () => expect(isBlank(' '.repeat(2 ** 21))).toBe(true));
