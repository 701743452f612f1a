import fc from 'fast-check';
import Handlebars from 'handlebars';
import { describe, expect, test } from 'vitest';
import { compileSource } from './evaluate.ts';
import { RenderBudget } from './render-budget.ts';

const data = {
  name: 'Ana <b>',
  zero: 0,
  no: false,
  nothing: null,
  empty: [],
  text: '',
  list: ['a', 'b'],
  people: [
    { name: 'Bo', tags: ['x', 'y'] },
    { name: 'Cy', tags: [] },
  ],
  map: { one: 1, two: 2 },
  deep: { er: { value: 'found' }, 'odd key': 'odd' },
};

function ours(source: string, values: Record<string, unknown> = data, escapes = true): string {
  const run = { budget: new RenderBudget(), language: 'en', out: '', line: 0 };
  compileSource(source, escapes)(values, run);
  return run.out;
}

function handlebars(source: string): string {
  return Handlebars.compile(source)(data, {
    allowProtoPropertiesByDefault: false,
    allowProtoMethodsByDefault: false,
  });
}

describe('renders what Handlebars renders', () => {
  test.each([
    'plain, {{name}}, {{{name}}}, {{&name}}',
    '[{{zero}}] [{{no}}] [{{nothing}}] [{{missing}}] [{{missing.too}}] [{{text}}]',
    '{{deep.er.value}} {{deep.[odd key]}} {{deep/er/value}} {{this.name}} {{./name}}',
    '{{#if zero}}a{{else}}b{{/if}}{{#if empty}}a{{else}}b{{/if}}{{#if map}}a{{/if}}{{#if name}}a{{else if no}}b{{/if}}{{#if no}}a{{else if name}}b{{else}}c{{/if}}',
    '{{#unless no}}a{{else}}b{{/unless}}{{^if no}}inverted{{/if}}{{#if no}}a{{^}}b{{/if}}',
    '{{#each list}}{{this}}{{@index}}{{@first}}{{@last}}{{/each}}{{#each empty}}a{{else}}none{{/each}}{{#each missing}}a{{else}}none{{/each}}',
    '{{#each map}}{{@key}}={{this}}{{#unless @last}},{{/unless}}{{/each}}',
    '{{#each people}}{{name}} {{../name}} {{@root.name}}{{#each tags}}{{this}}{{@index}}{{@../index}}{{../name}}{{../../name}}{{/each}};{{/each}}',
    '{{#each people}}{{#if name}}{{../name}}{{/if}}{{/each}}',
    '{{#each people as |person at|}}{{at}}{{person.name}}{{#each person.tags as |tag|}}{{tag}}{{person.name}}{{at}}{{/each}}{{/each}}',
    '{{#each people as |name|}}{{name.name}} {{this.name}} {{./name}} {{../name}}{{/each}}',
    '{{#with deep}}{{er.value}}{{../name}}{{else}}none{{/with}}{{#with nothing}}a{{else}}none{{/with}}{{#with zero}}[{{this}}]{{else}}none{{/with}}',
    '{{#with deep as |d|}}{{d.er.value}}{{/with}}{{#with this}}{{name}}{{/with}}',
    '{{#each list}}{{#with @root.deep}}{{@index}}{{er.value}}{{../this}}{{/with}}{{/each}}',
    'a {{~name~}} b\n{{#if name}}\n  line\n{{/if}}\nend {{! comment }} {{!-- another }} --}} \\{{escaped}} \\\\{{name}}',
    '{{list.length}} {{list.[1]}} {{name.length}}',
    '<a title="{{name}}">{{#each list}}\n  - {{this}}\n{{/each}}</a>',
  ])('%s', (source) => expect(ours(source)).toBe(handlebars(source)));

  test('any nesting of its blocks', () => {
    const leaf = fc.constantFrom(
      '{{name}}',
      '{{{this.name}}}',
      '{{../name}}',
      '{{@index}}',
      '{{@key}}',
      '{{../../name}}',
      ' \n',
      'x',
      '{{@root.name}}',
      '{{~@first~}}',
    );
    const { source } = fc.letrec<{ source: string }>((tie) => ({
      source: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        leaf,
        fc.array(tie('source'), { maxLength: 3 }).map((parts) => parts.join('')),
        fc
          .tuple(
            fc.constantFrom(
              'each people',
              'each list',
              'each map',
              'with deep',
              'if zero',
              'if name',
              'unless empty',
              'each tags',
              'with this',
            ),
            tie('source'),
            tie('source'),
          )
          .map(
            ([open, main, inverse]) => `{{#${open}}}\n${main}{{else}}${inverse}{{/${open.split(' ')[0]}}}`,
          ),
      ),
    }));
    // Objects print as [object Object] there, and are refused here.
    const safe = source.filter((text) => !handlebars(text).includes('[object'));
    fc.assert(
      fc.property(safe, (text) => {
        expect(ours(text)).toBe(handlebars(text));
      }),
      { numRuns: 300 },
    );
  });
});

test('a subject and a text are not escaped', () => expect(ours('{{name}}', data, false)).toBe('Ana <b>'));

test.each([
  ['{{constructor}}{{constructor.name}}{{__proto__}}{{toString}}{{hasOwnProperty}}'],
  [
    '{{name.constructor}}{{name.__proto__}}{{list.constructor.constructor}}{{list.map}}{{deep.__proto__.polluted}}',
  ],
  ['{{#with name}}{{constructor}}{{this.sub}}{{/with}}{{#with list}}{{push}}{{__proto__.length}}{{/with}}'],
  [
    '{{#each constructor}}x{{/each}}{{#each __proto__}}x{{/each}}{{#if constructor}}x{{/if}}{{@root.constructor}}',
  ],
])('a prototype is out of reach: %s', (source) => expect(ours(source)).toBe(''));

test('a key of the data that is named like a prototype is data', () => {
  expect(
    ours('{{__proto__.x}}{{constructor}}', JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}')),
  ).toBe('12');
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});

test.each([
  ['{{> partial}}', /partials/],
  ['{{#> layout}}x{{/layout}}', /partials/],
  ['{{* decorator}}', /partials/],
  ['{{#*inline "x"}}x{{/inline}}', /partials/],
  ['{{lookup map "one"}}', /unknown helper "lookup"/],
  ['{{log name}}', /unknown helper "log"/],
  ['{{constructor name}}', /unknown helper/],
  ['{{helperMissing name}}', /unknown helper/],
  ['{{#list}}x{{/list}}', /unknown block "list"/],
  ['{{{{raw}}}}x{{{{/raw}}}}', /unknown block/],
  ['{{"literal"}}', /of this kind|literal/],
  ['{{@budget}}', /unknown variable/],
  ['{{@index.constructor}}', /unknown variable/],
  ['{{#if}}x{{/if}}', /takes one value/],
  ['{{#if a b}}x{{/if}}', /takes one value/],
  ['{{#if a as |b|}}x{{/if}}', /block parameters/],
  ['{{formatDate}}{{formatDate a b}}', /takes 1 values/],
  ['{{formatDate a nonsense=1}}', /no option/],
  ['{{formatDate a style=1 style=2}}', /twice/],
  ['{{#if a}}', /a block, \{\{#…\}\}, is not closed/],
  ['{{#if a}}{{else}}', /is not closed/],
  ['one {{#if a}} two', /a block, .* is not closed/],
  ['{{/if}}', /closes a block that is not open/],
  ['{{else}}', /outside a block/],
  ['{{#if a}}{{else}}{{else}}{{/if}}', /outside a block, or a block has two/],
  ['{{{a}}', /opens with \{\{\{ and closes with \}\}$/],
  ['{{a}}}', /opens with \{\{ and closes with \}\}\}/],
  ['{{}}', /a tag is empty/],
  ['{{#if a b c', /no name has, or its \}\} is missing|\}\} is missing/],
  ['{{a "x}}', /an invalid character/],
  ['{{a ) b}}', /malformed/],
  ['{{#if a}}{{/each}}', /\{\{#if\}\} is closed by \{\{\/each\}\}/],
  ['{{a/../b}}', /a path that cannot be read/],
  ['{{', /\}\} is missing/],
])('not the language: %s', (source, message) => {
  expect(() => ours(source)).toThrow(message);
  expect(() => ours(source)).toThrow(expect.objectContaining({ reason: 'SyntaxError' }));
});

test('an error has the line', () => {
  for (const source of [
    'one\ntwo {{#if a}}\n{{nope a}}{{/if}}',
    'one\n\n{{#if}}x{{/if}}',
    '\n\n{{#if a}}{{/each}}',
    '\n\n{{a',
  ]) {
    expect(() => ours(source)).toThrow(expect.objectContaining({ line: 3 }));
  }
});

describe('bounds', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => at);
  const nested = (depth: number) => '{{#if a}}'.repeat(depth) + '{{/if}}'.repeat(depth);
  const chained = (length: number) => `{{#if a}}${'{{else if a}}'.repeat(length)}{{/if}}`;
  const called = (depth: number) => `{{not ${'(not '.repeat(depth)}a${')'.repeat(depth)}}}`;

  test('what is within them passes', () => {
    for (const source of [nested(32), chained(31), called(32)]) expect(() => ours(source)).not.toThrow();
    expect(ours('{{#each xs}}{{#each ../xs}}{{/each}}{{/each}}', { xs: hundred.slice(0, 99) })).toBe('');
    expect(ours('{{x}}', { x: 'a'.repeat(2 ** 21) })).toHaveLength(2 ** 21);
  });

  test.each([
    ['nested blocks', nested(33), 'TooLarge'],
    ['nested blocks without an end', '{{#if a}}'.repeat(990), 'TooLarge'],
    ['a chain of else if', chained(900), 'TooLarge'],
    ['nested calls', called(3_000), 'TooLarge'],
    ['closing tags in comments', '{{#if a}}{{!--{{/if}}--}}'.repeat(90), 'TooLarge'],
    ['closing tags that are escaped', '{{#if a}}\\{{/if}}'.repeat(400), 'TooLarge'],
    ['tags', '{{a}}'.repeat(100_000), 'TooLarge'],
    ['arguments', `{{or ${'a '.repeat(200_000)}}}`, 'TooLarge'],
    ['comments', '{{!-- a --}}'.repeat(900), 'TooLarge'],
    ['source', 'a'.repeat(2 ** 19 + 1), 'TooLarge'],
    ['brackets that do not close', `{{a ${'[\\'.repeat(200_000)}`, 'SyntaxError'],
    ['quotes that do not close', `{{a ${'"\\'.repeat(200_000)}`, 'SyntaxError'],
    [
      'iterations of nested loops',
      '{{#each xs}}{{#each ../xs}}{{#each ../xs}}{{/each}}{{/each}}{{/each}}',
      'RenderFailed',
    ],
    ['iterations of one loop', '{{#each long}}{{/each}}', 'RenderFailed'],
    ['steps of a long body', `{{#each long}}${'{{a}}'.repeat(900)}{{/each}}`, 'RenderFailed'],
    ['output of one value', '{{huge}}', 'RenderFailed'],
    ['output by escaping', '{{angles}}', 'RenderFailed'],
    ['output in wide characters', '{{wide}}', 'RenderFailed'],
    ['output by repetition', '{{#each xs}}{{{@root.some}}}{{/each}}', 'RenderFailed'],
    ['formatters', '{{#each currencies}}{{formatMoney 1 this}}{{/each}}', 'RenderFailed'],
  ])('too much: %s', (_title, source, reason) => {
    const letter = (at: number) => String.fromCharCode(65 + (at % 26));
    const values = {
      xs: hundred,
      long: Array.from({ length: 10_001 }, () => 1),
      huge: 'a'.repeat(50 * 2 ** 20),
      angles: '<'.repeat(2 ** 21),
      wide: '\u20ac'.repeat(2 ** 20),
      some: 'a'.repeat(2 ** 15),
      currencies: Array.from({ length: 5_000 }, (_, at) => letter(at / 676) + letter(at / 26) + letter(at)),
    };
    // The budget counts steps, turns and bytes before they cost anything, so its refusal is what
    // bounds the time.
    expect(() => ours(source, values)).toThrow(expect.objectContaining({ reason }));
  });

  test('the parser is whole again after an error', () => {
    expect(() => ours('{{a "')).toThrow();
    expect(ours('{{name}}')).toBe('Ana &lt;b&gt;');
  });
});

test('a list or an object cannot be printed', () => {
  for (const source of ['{{list}}', '{{map}}']) expect(() => ours(source)).toThrow(/cannot be printed/);
});
