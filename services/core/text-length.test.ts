import { expect, test } from 'vitest';
import { isLongerThan } from './text-length.ts';

test.each([
  ['', 0, false],
  ['a', 0, true],
  ['\u{1f4ee}', 1, false],
  ['\u{1f4ee}a', 1, true],
  ['a\u{1f4ee}', 2, false],
])('%j is longer than %i: %s', (text, most, isLonger) => {
  expect(isLongerThan(text, most)).toBe(isLonger);
});
