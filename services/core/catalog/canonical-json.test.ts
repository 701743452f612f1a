import { expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';

test.each([
  [
    'objects, at every depth',
    { b: [{ d: 1, c: 2 }], a: { f: null, e: '' } },
    '{"a":{"e":"","f":null},"b":[{"c":2,"d":1}]}',
  ],
  ['an undefined field', { a: undefined, b: 1 }, '{"b":1}'],
  ['a list in its own order', [2, 1, '1'], '[2,1,"1"]'],
  ['an object that is named like a prototype', JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
  ['names that are numbers', { b: 1, 10: 2, 9: 3 }, '{"9":3,"10":2,"b":1}'],
  ['a text', 'é\n', '"é\\n"'],
])('canonical JSON of %s', (_, value, text) => {
  expect(canonicalJson(value)).toBe(text);
});

test('the order in which keys were set does not matter', () => {
  expect(canonicalJson({ a: 1, b: { d: 1, c: 2 } })).toBe(canonicalJson({ b: { c: 2, d: 1 }, a: 1 }));
});

test('an object and the list of its entries have different texts', () => {
  expect(canonicalJson({ a: 1 })).not.toBe(canonicalJson([['a', 1]]));
});
