import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../../services/core/limits/rules.ts';
import { JsonScan } from './json-scan.ts';

const scanned = (text: string, pieceBytes = text.length || 1): string => {
  const bytes = Buffer.from(text);
  const scan = new JsonScan();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const verdict = scan.scan(bytes.subarray(at, at + pieceBytes));
    if (verdict !== 'ok') return verdict;
  }
  return 'ok';
};
const { jsonDepthMax: depth, jsonTokensMax: tokens } = limits;

describe('counting before parsing', () => {
  test.each([
    ['as deep as allowed', '['.repeat(depth) + ']'.repeat(depth), 'ok'],
    ['one deeper', '{"a":'.repeat(depth + 1), 'too_deep'],
    ['deep again and again', '[[]]'.repeat(1000), 'ok'],
    ['as many tokens as allowed', `[${','.repeat(tokens - 1)}]`, 'ok'],
    ['one more', `[${','.repeat(tokens)}]`, 'too_many_tokens'],
    ['many empty objects', '{},'.repeat(tokens), 'too_many_tokens'],
    ['brackets in strings', `"${'[{:,'.repeat(tokens)}"`, 'ok'],
    ['quotes in strings', `"${'\\"['.repeat(1000)}"`, 'ok'],
    ['backslashes before the end of a string', `"\\\\"${'['.repeat(depth + 1)}`, 'too_deep'],
    ['closing brackets without an opening one', ']'.repeat(1000), 'ok'],
  ])('%s', (_, text, verdict) => {
    expect(scanned(text)).toBe(verdict);
    expect(scanned(text, 7)).toBe(verdict);
  });

  /** The same, the obvious way. */
  const obvious = (text: string): string => {
    let [count, open] = [0, 0];
    for (const [token] of text.matchAll(/"(?:[^"\\]|\\[\s\S])*(?:"|\\?$)|[{}[\],:]/g)) {
      if (token === '{' || token === '[') open++;
      if (token === '}' || token === ']') open--;
      if ('{[,:'.includes(token)) count++;
      if (open > depth) return 'too_deep';
      if (count > tokens) return 'too_many_tokens';
    }
    return 'ok';
  };

  test('wherever the pieces are cut', () => {
    const part = fc.constantFrom(
      '"',
      '\\',
      '\\\\',
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      'a',
      '[[[[[[[[',
      '"[[[[[[[[',
      'ü',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (parts, pieceBytes) => {
        const text = parts.join('');
        expect(scanned(text, pieceBytes)).toBe(obvious(text));
      }),
      { numRuns: 2000 },
    );
  });
});
