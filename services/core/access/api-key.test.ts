import { describe, expect, it } from 'vitest';
import { bootstrapKey, isBootstrapKey, isSameSecret, KEY_RANDOM_BYTES, makeKey, readKey } from './api-key.ts';

const random = Uint8Array.from({ length: KEY_RANDOM_BYTES }, (_, i) => i * 6);
const { text, key } = makeKey('live', random);

describe('a key that we made', () => {
  it.each([
    ['live', 'sk_live_'],
    ['testing', 'sk_test_'],
    ['draft', 'sk_test_'],
  ] as const)('for %s begins with %s', (environment, prefix) => {
    expect(makeKey(environment, random).text).toMatch(new RegExp(`^${prefix}[0-9a-z]{58}$`));
  });

  it('is read back', () => {
    expect(readKey(text)).toEqual(key);
    expect(key.id).toMatch(/^[0-9a-z]{12}$/);
    expect(text).toContain(key.id);
    expect(key.secretHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('differs by each of 260 random bits: 60 of id, 200 of secret', () => {
    const flipped = Array.from({ length: 260 }, (_, bit) =>
      random.with(bit >> 3, (random[bit >> 3] ?? 0) ^ (128 >> (bit & 7))),
    );
    const keys = flipped.map((bytes) => makeKey('live', bytes).text);
    expect(new Set([...keys, text]).size).toBe(261);
  });
});

describe('a text that is not a key', () => {
  const test = makeKey('testing', random).text;
  it.each([
    ['empty', ''],
    ['a prefix', 'sk_live_'],
    ['of another kind', `pk_${text.slice(3)}`],
    ['mistyped', test.replace(/.(?=.{10}$)/, (c) => (c === 'a' ? 'b' : 'a'))],
    ['with a wrong checksum', `${test.slice(0, -1)}${test.endsWith('0') ? '1' : '0'}`],
    ['too short', test.slice(0, -1)],
    ['too long', `${test}0`],
    ['with a line break', `${test}\n`],
    ['an object', '{"$gt":""}'],
    ['a short bootstrap key', `sk_live_${'a'.repeat(23)}`],
    ['a bootstrap key with a hyphen', `sk_live_${'a'.repeat(24)}-`],
    ['a bootstrap key for testing', `sk_test_${'a'.repeat(24)}`],
    ['a bootstrap key too long', `sk_live_${'a'.repeat(201)}`],
    ['mistyped, for live', text.replace(/.(?=.{10}$)/, (c) => (c === 'a' ? 'b' : 'a'))],
  ])('%s', (_, given) => {
    expect(readKey(given)).toBeNull();
  });
});

describe('a key of the user’s own making', () => {
  it.each([24, 200])('of %i characters is one, and its id is not part of it', (length) => {
    const own = `sk_live_${'Ab_9'.repeat(50).slice(0, length)}`;
    expect(isBootstrapKey(own)).toBe(true);
    const read = readKey(own);
    expect(read).toEqual(bootstrapKey(own));
    expect(read?.id).toMatch(/^boot[0-9a-f]{12}$/);
    expect(own).not.toContain(read?.id);
  });
});

it.each([
  ['abc', 'abc', true],
  ['abc', 'abd', false],
  ['abc', 'ab', false],
  ['', '', true],
])('%j and %j are the same secret: %s', (a, b, same) => {
  expect(isSameSecret(a, b)).toBe(same);
});
