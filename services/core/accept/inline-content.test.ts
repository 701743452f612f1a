import { expect, test } from 'vitest';
import { ingestLimits } from '../limits/ingest.ts';
import { isDataInline, textsBeside } from './inline-content.ts';

const most = 'x'.repeat(ingestLimits.contentInlineBytes);

test.each([
  ['no text', '', '', true],
  ['html of the largest size', most, '', true],
  ['text of the largest size', '', most, true],
  ['one byte too many together', most, 'x', false],
  ['characters of two bytes each', 'ü'.repeat(ingestLimits.contentInlineBytes / 2), 'x', false],
])('%s: inline is %4$j', (_, html, text, isInline) =>
  expect(textsBeside(html, text)).toEqual(isInline ? null : { html, text: text || null }),
);

test('a blank text is not stored', () => {
  const blank = ' '.repeat(ingestLimits.contentInlineBytes + 1);
  expect(textsBeside(blank, 'x')).toEqual({ html: null, text: 'x' });
  expect(textsBeside('x', blank)).toEqual({ html: 'x', text: null });
});

test('template data is inline up to the same size', () => {
  expect([isDataInline(most), isDataInline(`${most}x`)]).toEqual([true, false]);
});
