import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readObject } from '../objects/read-object.ts';
import { senderSpec } from '../objects/sender-schema.ts';
import { templateSpec } from '../objects/template-schema.ts';
import { showPath } from './fault.ts';
import { readStrictly } from './schema-faults.ts';

const told = (schema: z.ZodType, value: unknown): readonly string[] => {
  const read = readStrictly(schema, value);
  return 'faults' in read ? read.faults.map(({ path, message }) => `${showPath(path)}: ${message}`) : [];
};
const field = (schema: z.ZodType) => z.strictObject({ field: schema });
const secret = 'hunter2';

describe('a fault is described in our own words', () => {
  test.each([
    ['a missing string', z.string(), undefined, 'is required'],
    ['a missing choice', z.enum(['A', 'B']), undefined, 'is required'],
    ['a missing literal', z.literal('A'), undefined, 'is required'],
    ['a missing object', z.strictObject({}), undefined, 'is required'],
    ['a number for a string', z.string(), 1, 'must be a string'],
    ['null for a string', z.string(), null, 'must be a string'],
    ['a string for a number', z.number(), secret, 'must be a number'],
    ['a string for a whole number', z.int(), secret, 'must be a number'],
    ['a fraction for a whole number', z.int(), 1.5, 'must be a whole number'],
    ['no number', z.number(), Number.NaN, 'must be a number'],
    ['a string for true or false', z.boolean(), secret, 'must be true or false'],
    ['a string for a list', z.array(z.string()), secret, 'must be a list'],
    ['a string for an object', z.strictObject({}), secret, 'must be an object'],
    ['a list for an object of any fields', z.record(z.string(), z.string()), [secret], 'must be an object'],
    ['a value that is no choice', z.enum(['A', 'B']), secret, 'must be one of A, B'],
    ['another literal', z.literal('A'), secret, 'must be A'],
    ['an empty string', z.string().min(1), '', 'must not be empty'],
    ['a short string', z.string().min(4), 'abc', 'must have at least 4 characters'],
    ['a long string', z.string().max(1), secret, 'must have at most 1 character'],
    ['a long string', z.string().max(3), secret, 'must have at most 3 characters'],
    ['an empty list', z.array(z.string()).min(1), [], 'must not be empty'],
    ['a short list', z.array(z.string()).min(2), [secret], 'must have at least 2 entries'],
    ['a long list', z.array(z.string()).max(1), [secret, secret], 'must have at most 1 entry'],
    ['a small number', z.number().min(60), 59, 'must be at least 60'],
    ['a number on an exclusive bound', z.number().gt(60), 60, 'must be greater than 60'],
    ['a large number', z.int().max(65_535), 65_536, 'must be at most 65535'],
    ['a number on the other exclusive bound', z.number().lt(60), 60, 'must be less than 60'],
    ['a number that is no multiple', z.number().multipleOf(5), 6, 'must be a multiple of 5'],
    ['a format without words of its own', z.string().regex(/^[a-z]+$/), secret, 'has the wrong format'],
    [
      'a format with words of its own',
      z.string().regex(/^[a-z]+$/, 'must be letters'),
      secret,
      'must be letters',
    ],
    ['a rule without words of its own', z.string().refine(() => false), secret, 'is not allowed'],
    ['a rule with words of its own', z.string().refine(() => false, 'must be nice'), secret, 'must be nice'],
    ['none of several forms', z.union([z.number(), z.boolean()]), secret, 'has none of the allowed forms'],
    [
      'a name that is not allowed',
      z.record(z.string().max(3), z.string()),
      { [secret]: secret },
      'has a field whose name is not allowed',
    ],
  ])('%s: %#', (_, schema, value, message) => {
    const faults = told(field(schema), value === undefined ? {} : { field: value });
    expect(faults.map((fault) => fault.replace(/^field[^:]*: /, ''))).toEqual([message]);
    expect(faults.join().replaceAll(`field.${secret}`, '')).not.toContain(secret);
  });

  test('an unknown field has its own path, and its sentence suggests the most similar known field', () => {
    const schema = z.strictObject({
      from: z.strictObject({ address: z.string() }),
      replyTo: z.string().optional(),
    });
    expect(told(schema, { from: { address: 'x', adress: secret }, reply_to: secret, nonsense: 1 })).toEqual([
      'from.adress: unknown field; did you mean `address`?',
      'reply_to: unknown field; did you mean `replyTo`?',
      'nonsense: unknown field',
    ]);
  });

  test('unknown fields are found in lists, in optional objects and in objects with defaults', () => {
    const inner = z.strictObject({ name: z.string().optional() });
    const schema = z.strictObject({
      list: z.array(inner),
      maybe: inner.optional(),
      usual: inner.prefault({}).meta({ title: 'x' }),
    });
    expect(told(schema, { list: [{}, { nme: 1 }], maybe: { nme: 1 }, usual: { nme: 1 } })).toEqual([
      'list[1].nme: unknown field; did you mean `name`?',
      'maybe.nme: unknown field; did you mean `name`?',
      'usual.nme: unknown field; did you mean `name`?',
    ]);
  });

  test('the name of an unknown field is cut', () => {
    expect(told(z.strictObject({}), { ['x'.repeat(1_000_000)]: 1 })).toEqual([
      `${'x'.repeat(100)}…: unknown field`,
    ]);
  });
});

describe('the schemas of the catalog', () => {
  const sender = (spec: unknown) => ({
    apiVersion: 'packetboat.dev/v1alpha1',
    kind: 'Sender',
    metadata: { name: 'a' },
    spec,
  });

  test.each([
    ['nothing', sender(undefined), ['spec: is required']],
    [
      'too little',
      sender({}),
      ['spec.domain: is required', 'spec.from: is required', 'spec.routes: is required'],
    ],
    [
      'a slip',
      sender({ domain: 'a.example', frm: { address: 'x@a.example' }, routes: [] }),
      [
        'spec.from: is required',
        'spec.routes: must not be empty',
        'spec.frm: unknown field; did you mean `from`?',
      ],
    ],
    [
      'another version',
      { ...sender({}), apiVersion: 'v2', spec: undefined },
      ['apiVersion: must be packetboat.dev/v1alpha1', 'spec: is required'],
    ],
  ])('describe %s', (_, object, expected) => {
    const faults = readObject(object);
    expect(
      Array.isArray(faults) ? faults.map(({ path, message }) => `${showPath(path)}: ${message}`) : [],
    ).toEqual(expected);
  });

  test('have a sentence for each pattern', () => {
    const silent: string[] = [];
    const visit = (schema: z.core.$ZodType, path: string): void => {
      const def = schema._zod.def as {
        readonly checks?: readonly {
          readonly _zod: { readonly def: { readonly check: string; readonly error?: unknown } };
        }[];
        readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
        readonly element?: z.core.$ZodType;
        readonly innerType?: z.core.$ZodType;
        readonly valueType?: z.core.$ZodType;
      };
      for (const { _zod: check } of def.checks ?? [])
        if (['string_format', 'custom'].includes(check.def.check) && check.def.error === undefined)
          silent.push(path);
      for (const [name, inner] of Object.entries(def.shape ?? {})) visit(inner, `${path}.${name}`);
      for (const inner of [def.element, def.innerType, def.valueType])
        if (inner !== undefined) visit(inner, `${path}[]`);
    };
    for (const [kind, schema] of Object.entries({ Sender: senderSpec, Template: templateSpec }))
      visit(schema, kind);
    expect(silent).toEqual([]);
  });
});
