import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acceptLimits } from '../../services/core/limits/accept.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import { repeatedNames } from './repeated-names.ts';
import { scanText } from './text-scan.ts';

const faultsOf = (text: string) => repeatedNames(text, JSON.parse(text), scanText(text).names);
const pathsOf = (text: string): string[] => faultsOf(text).map(({ field }) => field);

describe('a name that an object has more than once', () => {
  test.each<[string, string, string[]]>([
    ['at the top', '{"to":["a"],"to":["b"]}', ['to']],
    ['with equal values', '{"a":1,"a":1}', ['a']],
    ['three times', '{"a":1,"a":2,"a":3}', ['a', 'a']],
    ['with spaces around', '{ "a" \n\t:\r\n 1 , "a" : 2 }', ['a']],
    ['in an object of an object', '{"a":{"b":{"c":1,"d":2,"c":3}}}', ['a.b.c']],
    ['in an object of a list', '{"a":[{"b":1},[0,{"c":1,"c":2}]]}', ['a[1][1].c']],
    ['in a list at the top', '[{"a":1},{"a":1,"a":2}]', ['[1].a']],
    ['in two objects', '{"a":{"x":1,"x":1},"b":[{"y":1,"y":1}]}', ['a.x', 'b[0].y']],
    ['whose first value is dropped with all that it holds', '{"a":{"b":1,"c":[{"d":1}]},"a":2}', ['a']],
    ['written in two ways', '{"to":1,"\\u0074o":2}', ['to']],
    ['with quotes and backslashes', '{"\\"\\\\":1,"\\"\\\\":2}', ['"\\']],
    ['that is empty', '{"":1,"":2}', ['']],
    ['that all objects have', '{"__proto__":{"a":1},"__proto__":{"a":2}}', ['__proto__']],
    [
      'that is long, of which a part is shown',
      `{"${'x'.repeat(99)}":1,"${'x'.repeat(99)}":2}`,
      [`${'x'.repeat(64)}…`],
    ],
    [
      'as deep as bodies may be',
      `${'['.repeat(31)}{"a":1,"a":2}${']'.repeat(31)}`,
      [`${'[0]'.repeat(31)}.a`],
    ],
  ])('%s', (_, text, paths) => {
    expect(pathsOf(text)).toEqual(paths);
    for (const { code } of faultsOf(text)) expect(code).toBe('repeated');
  });

  test('is reported up to the maximum number of faults', () => {
    expect(pathsOf(`{${'"a":1,'.repeat(acceptLimits.fieldFaultsMax + 50)}"a":2}`)).toHaveLength(
      acceptLimits.fieldFaultsMax,
    );
  });

  test('is left to the reader, which refuses the body, where it is deeper than bodies may be', () => {
    const depth = 10_000;
    expect(pathsOf(`${'['.repeat(depth)}{"a":1,"a":2}${']'.repeat(depth)}`)).toEqual([]);
    expect(pathsOf(`[${'['.repeat(depth)}{"a":1,"a":2}${']'.repeat(depth)},{"b":1,"b":2}]`)).toEqual([
      '[1].b',
    ]);
    expect(depth).toBeGreaterThan(doorLimits.jsonDepthMax);
  });
});

describe('there is no fault', () => {
  test.each([
    ['{}'],
    ['null'],
    ['"a"'],
    ['""'],
    ['1'],
    ['[]'],
    ['{"a":1,"A":1,"a ":1}'],
    ['[{"a":1},{"a":1}]'],
    ['{"a":{"a":{"a":1}}}'],
    ['{"a":"\\"a\\":1,\\"a\\":2"}'],
    ['{"a":"\\\\","b":"\\\\\\"","c":"\\\\\\\\"}'],
    ['["a","a",":",":"]'],
    ['{"é":1,"e\\u0301":2}'],
  ])('in %s', (text) => {
    expect(pathsOf(text)).toEqual([]);
  });

  test('in whatever JSON.stringify writes', () => {
    const text = fc.string({ unit: fc.constantFrom('"', '\\', ':', '{', '[', ',', ' ', 'a', 'ü', '\n') });
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('json')),
        fc.dictionary(text, tie('json')),
      ),
    }));
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 2), (value, space) => {
        expect(pathsOf(JSON.stringify(value, null, space))).toEqual([]);
      }),
    );
  });
});
