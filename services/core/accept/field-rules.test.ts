import { describe, expect, test } from 'vitest';
import { acceptLimits } from '../limits/accept.ts';
import { type FieldRules, type JudgedField, judgeFields, mergeFaults } from './field-rules.ts';

function judged(more: Partial<JudgedField> & { readonly rules?: FieldRules }): JudgedField {
  const compile = (rules: FieldRules) =>
    rules.pattern === undefined ? rules : { ...rules, regExp: new RegExp(rules.pattern, 'u') };
  const rules = compile(more.rules ?? {});
  return {
    name: 'a',
    shape: 'one',
    kind: 'text',
    hasPresence: false,
    each: more.shape === undefined || more.shape === 'one' ? rules : {},
    names: null,
    fields: [],
    ...more,
    rules,
  };
}

const faultsOf = (field: JudgedField, value: unknown, elsewhere?: ReadonlySet<string>): string[] =>
  judgeFields([field], { a: value }, elsewhere).map((f) => `${f.field} ${f.code}`);

describe('a value', () => {
  const required = { required: true };
  const word = { pattern: '^[a-z]{1,3}$', message: 'A word has 1 to 3 letters.' };
  test.each<[string, Partial<JudgedField>, unknown, string[]]>([
    ['a required text that is absent', { rules: required }, '', ['a missing']],
    ['a required text', { rules: required }, 'x', []],
    [
      'a required text with presence that is absent',
      { rules: required, hasPresence: true },
      undefined,
      ['a missing'],
    ],
    [
      'a required text with presence that is empty',
      { rules: required, hasPresence: true },
      '',
      ['a missing'],
    ],
    ['required bytes that are absent', { kind: 'bytes', rules: required }, Buffer.alloc(0), ['a missing']],
    ['required bytes', { kind: 'bytes', rules: required }, Buffer.alloc(1), []],
    [
      'a required message that is absent',
      { kind: 'message', rules: required, hasPresence: true },
      undefined,
      ['a missing'],
    ],
    ['a required list that is empty', { shape: 'list', rules: required }, [], ['a missing']],
    ['the longest text', { rules: { maxLength: 3 } }, 'xyz', []],
    ['a text that is longer', { rules: { maxLength: 3 } }, 'xyzz', ['a too_long']],
    ['a text of code points beyond 16 bits', { rules: { maxLength: 3 } }, '\u{1f4ee}\u{1f4ee}\u{1f4ee}', []],
    ['one of them more', { rules: { maxLength: 3 } }, '\u{1f4ee}\u{1f4ee}\u{1f4ee}\u{1f4ee}', ['a too_long']],
    ['a text of the right form', { rules: word }, 'abc', []],
    ['a text of another form', { rules: word }, 'abc\n', ['a invalid_format']],
    ['an absent text, whatever its form', { rules: word }, '', []],
    ['an empty text with presence', { rules: word, hasPresence: true }, '', ['a invalid_format']],
    ['one of the values', { rules: { values: ['x', 'y'] } }, 'y', []],
    ['none of the values', { rules: { values: ['x', 'y'] } }, 'z', ['a invalid_value']],
    ['the least number', { kind: 'number', hasPresence: true, rules: { min: 1, max: 5 } }, 1, []],
    [
      'a number below',
      { kind: 'number', hasPresence: true, rules: { min: 1, max: 5 } },
      0,
      ['a out_of_range'],
    ],
    ['the greatest number', { kind: 'number', hasPresence: true, rules: { min: 1, max: 5 } }, 5, []],
    ['a number above', { kind: 'number', hasPresence: true, rules: { max: 5 } }, 6, ['a out_of_range']],
    ['no number', { kind: 'number', hasPresence: true, rules: { min: 1 } }, undefined, []],
    ['a value of an enum', { kind: 'enum' }, 'PRIORITY_HIGH', []],
    [
      'a value of an enum that this release does not know',
      { kind: 'enum' },
      'UNRECOGNIZED',
      ['a invalid_value'],
    ],
    [
      'the first time',
      { kind: 'time', hasPresence: true },
      { seconds: acceptLimits.timeSecondsMin, nanos: 0 },
      [],
    ],
    [
      'a time before the year 1',
      { kind: 'time', hasPresence: true },
      { seconds: acceptLimits.timeSecondsMin - 1, nanos: 0 },
      ['a out_of_range'],
    ],
    [
      'the last time',
      { kind: 'time', hasPresence: true },
      { seconds: acceptLimits.timeSecondsMax, nanos: 999_999_999 },
      [],
    ],
    [
      'a time after the year 9999',
      { kind: 'time', hasPresence: true },
      { seconds: acceptLimits.timeSecondsMax + 1, nanos: 0 },
      ['a out_of_range'],
    ],
    [
      'a time with too many nanoseconds',
      { kind: 'time', hasPresence: true },
      { seconds: 0, nanos: 1e9 },
      ['a out_of_range'],
    ],
    ['a fault with a code of its own', { rules: { maxLength: 1, code: 'bad_a' } }, 'xx', ['a bad_a']],
    [
      'a missing field, whose code is always the same',
      { rules: { required: true, code: 'bad_a' } },
      '',
      ['a missing'],
    ],
  ])('%s', (_, field, value, faults) => {
    expect(faultsOf(judged(field), value)).toEqual(faults);
  });

  test.each([
    ['absent bytes', false, undefined, ['a missing']],
    ['empty bytes, which count as absent', false, Buffer.alloc(0), ['a missing']],
    ['absent bytes with presence', true, undefined, ['a missing']],
    ['empty bytes with presence', true, Buffer.alloc(0), []],
  ])('a required field gets %s', (_, hasPresence, value, faults) => {
    expect(faultsOf(judged({ kind: 'bytes', hasPresence, rules: required }), value)).toEqual(faults);
  });

  test('that was uploaded before is not missing', () => {
    const content = judged({ name: 'content', kind: 'bytes', rules: required });
    const files = judged({ shape: 'list', kind: 'message', rules: { maxItems: 2 }, fields: [content] });
    const two = [{ content: Buffer.alloc(0) }, { content: Buffer.alloc(0) }];
    expect(faultsOf(files, two, new Set(['a[0].content']))).toEqual(['a[1].content missing']);
  });
});

describe('lists and maps', () => {
  const tags = judged({
    shape: 'map',
    rules: { maxProperties: 2, code: 'too_many_tags' },
    names: { regExp: /^[a-z]$/u, code: 'bad_name' },
    each: { maxLength: 1, code: 'bad_tag' },
  });
  const files = judged({
    shape: 'list',
    kind: 'message',
    rules: { maxItems: 2 },
    fields: [judged({ name: 'b', rules: { required: true } })],
  });
  test.each<[string, JudgedField, unknown, string[]]>([
    ['as many entries as may be', tags, { a: 'x', b: 'y' }, []],
    ['an entry more, which is not looked at', tags, { a: 'x', b: 'y', C: 'zz' }, ['a too_many_tags']],
    ['a value at fault', tags, { a: 'xx' }, ['a.a bad_tag']],
    ['names at fault, told once and without the values', tags, { A: 'xx', B: 'xx' }, ['a bad_name']],
    ['as many items as may be', files, [{ b: 'x' }, { b: 'x' }], []],
    [
      'items at fault, and one too many',
      files,
      [{ b: '' }, { b: '' }, { b: '' }],
      ['a too_many', 'a[0].b missing', 'a[1].b missing'],
    ],
    [
      'items of texts',
      judged({ shape: 'list', rules: { maxItems: 9 }, each: { values: ['x'] } }),
      ['x', 'y'],
      ['a[1] invalid_value'],
    ],
  ])('%s', (_, field, value, faults) => {
    expect(faultsOf(field, value)).toEqual(faults);
  });
});

describe('faults of the rules and of a handler', () => {
  const faults = (...told: string[]) =>
    told.map((t) => ({ field: t.split(' ')[0] ?? '', code: t.split(' ')[1] ?? '', message: '' }));
  test.each<[string, string[], string[], string[]]>([
    ['of different fields are all told', ['a too_long'], ['b unknown'], ['a too_long', 'b unknown']],
    ['that are the same are told once', ['a too_long'], ['a too_long'], ['a too_long']],
    ['of one field are both told', ['a too_long'], ['a invalid_text'], ['a too_long', 'a invalid_text']],
    [
      'of a field that is missing are that it is missing',
      ['a missing'],
      ['a invalid_address'],
      ['a missing'],
    ],
    ['about one item win over the whole list', ['to too_many'], ['to[50] too_many'], ['to[50] too_many']],
  ])('%s', (_, ofRules, ofHandler, all) => {
    expect(mergeFaults(faults(...ofRules), faults(...ofHandler)).map((f) => `${f.field} ${f.code}`)).toEqual(
      all,
    );
  });
});
