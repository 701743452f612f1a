import { expect, test } from 'vitest';
import { ingestLimits } from '../limits/ingest.ts';
import { areTextsInline, isDataInline } from './inline-content.ts';

const most = 'x'.repeat(ingestLimits.contentInlineBytes);

test.each([
  ['no text', '', '', true],
  ['html of the largest size', most, '', true],
  ['text of the largest size', '', most, true],
  ['one byte too many together', most, 'x', false],
  ['characters of two bytes each', 'ü'.repeat(ingestLimits.contentInlineBytes / 2), 'x', false],
])('%s: inline is %4$j', (_, html, text, isInline) => expect(areTextsInline(html, text)).toBe(isInline));

test('template data is inline up to the same size', () => {
  expect([isDataInline(most), isDataInline(`${most}x`)]).toEqual([true, false]);
});
