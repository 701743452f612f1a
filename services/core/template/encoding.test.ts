import { expect, test } from 'vitest';
import { compileSource } from './evaluate.ts';
import { RenderBudget } from './render-budget.ts';
import { MASK } from './variables.ts';

function render(source: string, x: unknown, isHtml: boolean): string {
  const run = { budget: new RenderBudget(), language: 'en', out: '', line: 0 };
  compileSource(source, isHtml)({ x }, run);
  return run.out;
}

test.each([
  ['a b&c=d', 'a%20b%26c%3Dd'],
  ['ana+x@shop.example', 'ana%2Bx%40shop.example'],
  ['https://shop.example/?a=1', 'https%3A%2F%2Fshop.example%2F%3Fa%3D1'],
  ['Grüße 👍', 'Gr%C3%BC%C3%9Fe%20%F0%9F%91%8D'],
  ["-_.!~*'()", "-_.!~*'()"],
  ['%41', '%2541'],
  ['a\r\n\0', 'a%0D%0A%00'],
  ['a\ud800b', 'a%EF%BF%BDb'],
  ['\udc4d\ud83d', '%EF%BF%BD%EF%BF%BD'],
  [17.5, '17.5'],
  [0, '0'],
  [true, 'true'],
  ['', ''],
  [null, ''],
  [undefined, ''],
  [MASK, MASK],
])('urlEncode of %j is %s', (x, expected) => expect(render('{{urlEncode x}}', x, false)).toBe(expected));

test('urlEncode makes a query of html safe', () =>
  expect(render('<a href="https://shop.example/?q={{urlEncode x}}">', '"><b> \'', true)).toBe(
    '<a href="https://shop.example/?q=%22%3E%3Cb%3E%20&#x27;">',
  ));

test.each([
  ['one line', 'one line'],
  ['a\nb', 'a<br>b'],
  ['a\r\nb\rc', 'a<br>b<br>c'],
  ['a\n\n\r\nb', 'a<br><br><br>b'],
  ['a\u2028b\u2029c', 'a<br>b<br>c'],
  ['\n', '<br>'],
  ['<b>\n&"', '&lt;b&gt;<br>&amp;&quot;'],
  ['a<br>\nb', 'a&lt;br&gt;<br>b'],
  ['&#10;', '&amp;#10;'],
  [12, '12'],
  [false, 'false'],
  ['', ''],
  [null, ''],
  [undefined, ''],
  [MASK, MASK],
])('lineBreaks of %j is %s in html, and itself in a text', (x, expected) => {
  expect(render('{{lineBreaks x}}', x, true)).toBe(expected);
  expect(render('{{lineBreaks x}}', x, false)).toBe(x === null || x === undefined ? '' : String(x));
});

test.each([
  ['{{{lineBreaks x}}}', '<i>a</i>\nb', true, '<i>a</i><br>b'],
  ['{{or (lineBreaks x) "none"}}', 'a\nb', true, 'a<br>b'],
  ['{{or (lineBreaks x) "none"}}', '', true, 'none'],
  ['{{#if (lineBreaks x)}}{{lineBreaks x}}{{/if}}', 'a\n<', true, 'a<br>&lt;'],
  ['{{#each (lineBreaks x)}}{{this}}{{/each}}', 'a\nb', true, ''],
  ['{{#with (lineBreaks x)}}{{plain}}{{lines}}{{/with}}', 'a\nb', true, ''],
])('%s of %j', (source, x, isHtml, expected) => expect(render(source, x, isHtml)).toBe(expected));

test.each([
  ['{{urlEncode x}}', ['secret'], 'urlEncode needs a text or a number'],
  ['{{urlEncode x}}', { secret: 1 }, 'urlEncode needs a text or a number'],
  ['{{lineBreaks x}}', ['secret'], 'lineBreaks needs a text or a number'],
  ['{{urlEncode (lineBreaks x)}}', 'secret', 'urlEncode needs a text or a number'],
  ['{{formatNumber (lineBreaks x)}}', '1', 'formatNumber needs a number'],
  ['{{#if (urlEncode x)}}{{/if}}', 'x'.repeat(2_000_000), 'more than 100000 steps'],
  ['{{lineBreaks x}}', '\n'.repeat(1_000_000), 'more than 2097152 bytes of output'],
  ['{{urlEncode x x}}', 'a', 'urlEncode takes 1 values'],
  ['{{lineBreaks}}{{lineBreaks x y=1}}', 'a', 'lineBreaks has no option "y"'],
])('%s is refused without the value', (source, x, message) =>
  expect(() => render(source, x, true)).toThrow(new RegExp(`^${message}`)),
);
