import { expect, test } from 'vitest';
import { templateLimits } from '../limits/template.ts';
import { revision } from './revision.fixture.ts';
import { describeUse } from './warnings.ts';

const locale = (more: object) => ({ locale: 'en', subject: 'Hi {{name}}', html: null, text: null, ...more });
const of = (more: object, around: object = {}) => {
  const content = [locale(more)];
  return describeUse(revision({ ...around, content: { live: content, testing: content, draft: content } }));
};
const properties = (...names: string[]) => ({
  variables: { type: 'object', properties: Object.fromEntries(names.map((name) => [name, {}])) },
});

test('the used names of all parts are sorted and unique', () => {
  expect(of({ html: '<p>{{total}} {{name}}</p>', text: '{{city}}' }).usedVariables).toEqual([
    'city',
    'name',
    'total',
  ]);
});

test.each([
  ['nothing', { text: 'Hello' }, properties('name'), []],
  [
    'a name that is not declared',
    { text: '{{city}}' },
    properties('name'),
    ['variables.properties "city" is used but not declared'],
  ],
  [
    'a name that is not used',
    { text: 'Hi' },
    properties('name', 'city'),
    ['variables.properties.city is declared but not used'],
  ],
  ['nothing where nothing is declared', { text: '{{city}}' }, {}, []],
  [
    'no text',
    { html: '<p>Hi</p>' },
    {},
    [
      'locales[en] has no text part: some mail programs show nothing else, and spam filters penalize its absence',
    ],
  ],
  [
    'a link over http',
    { html: '<a href="http://shop.example">x</a>', text: 'x' },
    {},
    ['locales[en].html has http links, which anybody on the network path can change'],
  ],
  [
    'an image in a style over http',
    { html: '<p style="background:url(http://shop.example/x.png)">x</p>', text: 'x' },
    {},
    ['locales[en].html has http links, which anybody on the network path can change'],
  ],
  [
    'no http in the query of a link',
    { html: '<a href="https://shop.example/?a=1&href=http://b.example">x</a>', text: 'x' },
    {},
    [],
  ],
  [
    'no link over http',
    { html: '<a href="https://shop.example">http://shop.example</a>', text: 'x' },
    {},
    [],
  ],
])('warns of %s', (_, content, around, expected) => {
  expect(of(content, around).warnings.map(({ path, message }) => `${path} ${message}`)).toEqual(expected);
});

test('warns of an html that is too long for Gmail with the sample data', () => {
  const html = '{{#each items}}<p>.............</p>{{/each}}';
  const items = Array.from({ length: templateLimits.htmlShownBytes / 20 + 1 }, () => 1);
  expect(of({ html, text: 'x' }, { sampleData: { items } }).warnings).toMatchObject([
    { path: 'locales[en].html', message: expect.stringContaining('Gmail') },
  ]);
  expect(of({ html, text: 'x' }, { sampleData: { items: items.slice(0, 10) } }).warnings).toEqual([]);
});
