import { describe, expect, test } from 'vitest';
import { compileSource } from './evaluate.ts';
import { RenderBudget } from './render-budget.ts';
import { MASK } from './variables.ts';

function render(source: string, data: Record<string, unknown> = {}, language = 'en'): string {
  const run = { budget: new RenderBudget(), language, out: '', line: 0 };
  compileSource(source, false)(data, run);
  // Intl uses several kinds of spaces.
  return run.out.replace(/\p{Zs}/gu, ' ');
}

describe('each language has its own way', () => {
  test.each([
    ['en', '{{formatDate "2026-03-31" style="long"}}', 'March 31, 2026'],
    ['de', '{{formatDate "2026-03-31" style="long"}}', '31. März 2026'],
    ['ja', '{{formatDate "2026-03-31" style="full"}}', '2026年3月31日火曜日'],
    ['en', '{{formatDate "2026-03-31T23:30:00Z" style="short" timeZone="Asia/Tokyo"}}', '4/1/26'],
    ['en', '{{formatDate "2026-03-31T18:00:00+02:00" style="short" time="short"}}', '3/31/26, 4:00 PM'],
    ['en', '{{formatDate "2026-03-31" style="short" time="short" timeZone="America/New_York"}}', '3/31/26'],
    ['en', '{{formatNumber 1234567.891}}', '1,234,567.891'],
    ['de', '{{formatNumber "1234567.891"}}', '1.234.567,891'],
    ['en', '{{formatNumber "12345678901234567890.5"}}', '12,345,678,901,234,567,890.5'],
    ['de', '{{formatNumber 0.256 style="percent" maximumFractionDigits=1}}', '25,6 %'],
    ['en', '{{formatNumber 2 minimumFractionDigits=2}}', '2.00'],
    ['en', '{{formatMoney 12.5 "EUR"}}', '€12.50'],
    ['de', '{{formatMoney "12.50" "EUR"}}', '12,50 €'],
    ['de-CH', '{{formatMoney 1234.5 "CHF"}}', "CHF 1'234.50"],
    ['ja', '{{formatMoney 1234 "JPY"}}', '￥1,234'],
    [
      'en',
      '{{plural 1 one="# item" other="# items"}}, {{plural 1200 one="# item" other="# items"}}',
      '1 item, 1,200 items',
    ],
    [
      'pl',
      '{{#each xs}}{{plural this one="plik" few="pliki" many="plików" other="pliku"}} {{/each}}',
      'plik pliki plików ',
    ],
    ['en', '{{plural 0 other="$& #"}}', '$& 0'],
  ])('%s %s', (language, source, expected) =>
    expect(render(source, { xs: [1, 3, 5] }, language).replace('’', "'")).toBe(expected),
  );
});

test.each([
  ['{{eq a "x"}} {{eq a b}} {{eq n 1}} {{eq n "1"}}', 'true false true false'],
  ['{{#if (and a b)}}both{{else}}not{{/if}} {{#if (and a n)}}both{{/if}}', 'not both'],
  ['{{or b "fallback"}} {{or a "fallback"}} {{or b missing}}|', 'fallback x |'],
  ['{{and a n}} {{and b a}}|', '1 |'],
  ['{{#if (not b)}}none{{/if}}{{#if (not (not a))}} some{{/if}}', 'none some'],
  ['{{#if (or empty b)}}some{{else}}none{{/if}}', 'none'],
])('logic: %s', (source, expected) =>
  expect(render(source, { a: 'x', b: '', n: 1, empty: [] })).toBe(expected),
);

test('a missing value prints nothing, and a masked one stays masked', () => {
  const source =
    '[{{formatDate x}}][{{formatNumber x}}][{{formatMoney x "EUR"}}][{{plural x other="#"}}][{{formatMoney 1 currency}}]';
  expect(render(source)).toBe('[][][][][]');
  expect(render(source, { x: MASK, currency: MASK })).toBe(`[${MASK}]`.repeat(5));
});

test.each([
  ['{{formatDate x}}', 'secret'],
  ['{{formatDate x}}', '2026-02-31'],
  ['{{formatDate x}}', '2026-13-01T10:00:00Z'],
  ['{{formatDate x}}', '2026-01-01T10:00:00'],
  ['{{formatDate x}}', 1_767_225_600],
  ['{{formatDate "2026-01-01" style=x}}', 'secret'],
  ['{{formatDate "2026-01-01T10:00:00Z" timeZone=x}}', 'secret'],
  ['{{formatDate "2026-01-01T10:00:00Z" timeZone=x}}', { toString: 'secret' }],
  ['{{formatNumber x}}', 'secret'],
  ['{{formatNumber x}}', '0x10'],
  ['{{formatNumber x}}', '1e5'],
  ['{{formatNumber x}}', [1]],
  ['{{formatNumber 1 style=x}}', 'secret'],
  ['{{formatNumber 1 maximumFractionDigits=x}}', 1_000],
  ['{{formatMoney x "EUR"}}', 'secret'],
  ['{{formatMoney 1 x}}', 'secret'],
  ['{{formatMoney 1 x}}', 'E1R'],
  ['{{plural x other="#"}}', 'secret'],
  ['{{plural x one="#"}}', 2],
  ['{{plural x}}', 2],
])('%s refuses %j without repeating it', (source, x) => {
  const attempt = () => render(source, { x });
  expect(attempt).toThrow(expect.objectContaining({ reason: 'RenderFailed' }));
  expect(attempt).toThrow(/^(?!.*(?:secret|0x10|1e5|E1R)).*$/s);
});
