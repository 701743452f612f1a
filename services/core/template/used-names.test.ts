import { expect, test } from 'vitest';
import { usedNames } from './used-names.ts';

test.each([
  ['Hello', []],
  ['{{name}} {{{html}}} {{! comment}}', ['name', 'html']],
  ['{{order.number}} {{this.total}} {{./city}}', ['order', 'total', 'city']],
  ['{{#if paid}}{{when}}{{else}}{{due}}{{/if}}', ['paid', 'when', 'due']],
  [
    '{{#each items}}{{name}} {{../currency}} {{@index}} {{@root.shop.url}}{{else}}{{none}}{{/each}}',
    ['items', 'currency', 'shop', 'none'],
  ],
  ['{{#each items as |item i|}}{{item.name}} {{i}} {{other}}{{/each}}', ['items']],
  ['{{#with order}}{{#each lines}}{{name}} {{../../city}}{{/each}}{{/with}}', ['order', 'city']],
  ['{{#each this}}{{name}}{{/each}}', ['name']],
  [
    '{{formatMoney total currency=code}} {{#if (eq a (not b))}}x{{/if}} {{plural 3 one="x"}}',
    ['total', 'code', 'a', 'b'],
  ],
  ['{{#each (or list others)}}{{name}}{{/each}}', ['list', 'others']],
])('%s', (source, names) => {
  expect([...usedNames(source)]).toEqual(names);
});
