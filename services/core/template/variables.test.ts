import { describe, expect, test } from 'vitest';
import { templateLimits } from '../limits/template.ts';
import { compileVariables, hasSecrets, maskSecrets, type Schema, schemaFaults } from './variables.ts';

const schema: Schema = {
  type: 'object',
  required: ['number', 'customer'],
  additionalProperties: false,
  properties: {
    number: { type: 'string', maxLength: 5 },
    customer: { type: 'object', required: ['name'], properties: { name: { type: ['string', 'null'] } } },
    items: {
      type: 'array',
      items: { type: 'object', required: ['price'], properties: { price: { type: 'number', minimum: 0 } } },
    },
    plan: { enum: ['free', 'team'] },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

test('the schema is in the subset and compiles', () => expect(schemaFaults(schema)).toEqual([]));

test.each<[string, Schema, string[]]>([
  ['nothing wrong', { number: '1', customer: { name: null } }, []],
  ['missing', {}, ['template_data.number missing_variable', 'template_data.customer missing_variable']],
  ['missing deeper', { number: '1', customer: {} }, ['template_data.customer.name missing_variable']],
  [
    'wrong type',
    { number: 7, customer: { name: 1 } },
    ['template_data.number invalid_variable', 'template_data.customer.name invalid_variable'],
  ],
  [
    'in a list',
    { number: '1', customer: { name: 'a' }, items: [{ price: 1 }, { price: '1' }, {}, { price: -1 }] },
    [
      'template_data.items[1].price invalid_variable',
      'template_data.items[2].price missing_variable',
      'template_data.items[3].price invalid_variable',
    ],
  ],
  ['unknown', { number: '1', customer: { name: 'a' }, extra: 1 }, ['template_data.extra unknown_variable']],
  [
    'a name that may be personal',
    { number: '1', customer: { name: 'a' }, 'ana@shop.example': 1, labels: { 'bo@shop.example': 1 } },
    ['template_data.* unknown_variable', 'template_data.labels.* invalid_variable'],
  ],
  [
    'too long, not allowed',
    { number: '123456', customer: { name: 'a' }, plan: 'secret' },
    ['template_data.number invalid_variable', 'template_data.plan invalid_variable'],
  ],
  [
    'a prototype is no property',
    JSON.parse('{"__proto__": {"number": "1", "customer": {"name": "a"}}}'),
    [
      'template_data.number missing_variable',
      'template_data.customer missing_variable',
      'template_data.__proto__ unknown_variable',
    ],
  ],
])('%s', (_title, data, expected) => {
  const errors = compileVariables(schema).check(data);
  expect(errors.map(({ field, code }) => `${field} ${code}`).sort()).toEqual([...expected].sort());
  expect(JSON.stringify(errors)).not.toMatch(/shop\.example|secret|123456/);
});

test('without a schema any data will do', () => expect(compileVariables(null).check({ a: 1 })).toEqual([]));

describe('a text for a number', () => {
  const LONG = '9007199254740993';
  const of = (type: unknown, more: Schema = {}): Schema => ({
    type: 'object',
    properties: { n: { type, ...more }, list: { type: 'array', items: { type } } },
    additionalProperties: { type: 'object', additionalProperties: { type } },
  });
  const wrong = ['template_data.n'];

  test.each<[string, Schema, string, string[]]>([
    ['is valid if a double does not hold the number', of('number'), LONG, []],
    ['is valid for an integer', of('integer'), LONG, []],
    ['is valid beside another type', of(['null', 'integer']), LONG, []],
    ['is valid with a fraction', of('number'), '0.1234567890123456789', []],
    ['is no integer with a fraction', of('integer'), '0.1234567890123456789', wrong],
    ['is a text where a text is wanted', of('string'), LONG, []],
    ['is a text where either is wanted', of(['string', 'number'], { maximum: 1 }), LONG, []],
    ['is wrong if a double holds the number', of('number'), '12', wrong],
    ['is wrong for 0, which is not empty as a text', of('number'), '0', wrong],
    ['is wrong if it is not a number', of('number'), '9007199254740993 EUR', wrong],
    ['is wrong for another type', of('boolean'), LONG, wrong],
    ['is wrong beyond the range of a double', of('number'), '1e400', wrong],
    ['has the minimum of the number', of('number', { minimum: 9e15 }), LONG, []],
    ['has the maximum of the number', of('number', { maximum: 100 }), LONG, wrong],
  ])('%s', (_, declared, text, fields) => {
    const { check } = compileVariables(declared);
    expect(check({ n: text }).map(({ field }) => field)).toEqual(fields);
  });

  test('is found in lists and in objects', () => {
    const { check } = compileVariables(of('integer'));
    expect(check({ n: LONG, list: [1, LONG], other: { a: LONG, b: 2 } })).toEqual([]);
    expect(check({ list: [LONG, 'x'], other: { a: '7' } }).map(({ field }) => field)).toEqual([
      'template_data.other.a',
      'template_data.list[1]',
    ]);
  });
});

describe('what a schema may not be', () => {
  test.each<[string, unknown, string]>([
    [
      'a pattern',
      { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
      'properties.a.pattern',
    ],
    ['patternProperties', { type: 'object', patternProperties: { a: {} } }, 'patternProperties'],
    [
      'a reference',
      { type: 'object', properties: { a: { $ref: 'https://elsewhere.example/x' } } },
      'properties.a.$ref',
    ],
    ['a format', { type: 'object', properties: { a: { format: 'regex' } } }, 'properties.a.format'],
    [
      'unique items',
      { type: 'object', properties: { a: { type: 'array', uniqueItems: true } } },
      'properties.a.uniqueItems',
    ],
    ['alternatives', { type: 'object', anyOf: [{}] }, 'anyOf'],
    ['an identifier', { $id: 'x', type: 'object' }, '$id'],
    ['an unknown type', { type: 'object', properties: { a: { type: 'text' } } }, 'properties.a.type'],
    ['an odd length', { type: 'object', properties: { a: { maxLength: -1 } } }, 'properties.a.maxLength'],
    ['a property that is no schema', { type: 'object', properties: { a: 'string' } }, 'properties.a'],
    [
      'a choice that YAML rounded',
      { type: 'object', properties: { a: { enum: [2 ** 53] } } },
      'properties.a.enum',
    ],
    [
      'a constant that YAML rounded',
      { type: 'object', properties: { a: { const: -(2 ** 53) } } },
      'properties.a.const',
    ],
    ['an object as a choice', { type: 'object', properties: { a: { enum: [{}] } } }, 'properties.a.enum'],
    ['no object', { type: 'string' }, 'type'],
    ['no schema', 'object', ''],
  ])('%s', (_title, value, path) =>
    expect(schemaFaults(value).map((fault) => fault.path.join('.'))).toContain(path),
  );

  test('too large or too deep', () => {
    const wide = {
      type: 'object',
      properties: Object.fromEntries(
        Array.from({ length: templateLimits.variablesNodesMax + 1 }, (_, at) => [`p${at}`, {}]),
      ),
    };
    expect(schemaFaults(wide).at(-1)?.message).toMatch(/more than/);
    let deep: Schema = { type: 'string' };
    for (let depth = 0; depth < 10_000; depth += 1) deep = { type: 'object', properties: { a: deep } };
    expect(schemaFaults(deep)[0]?.message).toMatch(/too deep/);
  });

  test('names cannot break out of the generated code', () => {
    const name = '"]);process.exit(1);//\\\'`$' + '{1}';
    const odd = {
      type: 'object',
      required: [name],
      properties: { [name]: { type: 'string', enum: [name] } },
    };
    expect(schemaFaults(odd)).toEqual([]);
    expect(compileVariables(odd).check({ [name]: name })).toEqual([]);
    expect(compileVariables(odd).check({})).toHaveLength(1);
  });
});

test.each([
  [{ type: 'string' }, 1, 'must be of type string'],
  [{ type: ['string', 'null'] }, 1, 'must be of type string or null'],
  [{ enum: ['a', 2, null] }, 'hunter2', 'must be one of "a", 2, null'],
  [
    { enum: Array.from({ length: 100 }, (_, i) => i) },
    'hunter2',
    'must be one of the values that the template allows',
  ],
  [{ const: 'a' }, 'hunter2', 'must be "a"'],
  [{ minimum: 1 }, 0, 'must be at least 1'],
  [{ maximum: 1 }, 2, 'must be at most 1'],
  [{ exclusiveMinimum: 1 }, 1, 'must be greater than 1'],
  [{ exclusiveMaximum: 1 }, 1, 'must be less than 1'],
  [{ type: 'string', minLength: 10 }, 'hunter2', 'must have at least 10 characters'],
  [{ type: 'string', maxLength: 1 }, 'hunter2', 'must have at most 1 character'],
  [{ type: 'array', minItems: 2 }, ['hunter2'], 'must have at least 2 entries'],
  [{ type: 'array', maxItems: 1 }, ['hunter2', 'hunter2'], 'must have at most 1 entry'],
  [{ type: 'object', minProperties: 2 }, { hunter2: 1 }, 'must have at least 2 fields'],
  [{ type: 'object', maxProperties: 1 }, { hunter2: 1, b: 1 }, 'must have at most 1 field'],
])(
  'a value that %j refuses: the message says what is wanted and nothing of the value',
  (wanted, value, message) => {
    const declared = { type: 'object', properties: { value: wanted } };
    expect(schemaFaults(declared)).toEqual([]);
    expect(compileVariables(declared).check({ value })).toEqual([
      { field: 'template_data.value', code: 'invalid_variable', message: `The variable ${message}.` },
    ]);
  },
);

test('the largest schema is compiled, and of the worst data the first faults are told', () => {
  const names = Array.from({ length: templateLimits.variablesNodesMax - 10 }, (_, at) => `p${at}`);
  const wide = {
    type: 'object',
    properties: Object.fromEntries(
      names.map((name) => [name, { type: 'string', maxLength: 5, minLength: 1 }]),
    ),
  };
  const list = {
    type: 'object',
    properties: {
      xs: {
        type: 'array',
        items: { type: 'object', required: ['a', 'b', 'c'], additionalProperties: false },
      },
    },
  };
  expect(compileVariables(wide).check({ p0: 'abcdef' })).toHaveLength(1);
  const errors = compileVariables(list).check({ xs: Array.from({ length: 50_000 }, () => ({ d: 1 })) });
  expect(errors).toHaveLength(templateLimits.variableFaultsMax);
});

test('secrets are masked wherever the schema says so, and only there', () => {
  const secret: Schema = {
    type: 'object',
    properties: {
      code: { writeOnly: true },
      card: { type: 'object', writeOnly: true, properties: { number: {} } },
      users: { type: 'array', items: { type: 'object', properties: { token: { writeOnly: true } } } },
      extra: { type: 'object', additionalProperties: { writeOnly: true } },
    },
  };
  const data = {
    code: 847291,
    card: { number: '4111', tries: [1, 2] },
    users: [{ name: 'Ana', token: 't' }, 'odd'],
    extra: { a: 'b', none: null },
    open: 'seen',
  };
  expect(hasSecrets(secret)).toBe(true);
  expect(hasSecrets(schema)).toBe(false);
  expect(maskSecrets(data, secret)).toEqual({
    code: '***',
    card: { number: '***', tries: ['***', '***'] },
    users: [{ name: 'Ana', token: '***' }, 'odd'],
    extra: { a: '***', none: null },
    open: 'seen',
  });
  expect(maskSecrets(data, null)).toBe(data);
});
