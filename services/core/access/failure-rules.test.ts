import { describe, expect, test } from 'vitest';
import { accessLimits } from '../limits/access.ts';
import { countedUnder, tooMany, tooManyFailures } from './failure-rules.ts';

const hashKey = { id: 'c1', secret: Buffer.alloc(32, 7) };
const unknown = { reason: 'unknown', keyId: 'abc' } as const;

describe('a failed authentication', () => {
  test.each(['unknown', 'wrong_secret', 'revoked', 'expired'] as const)(
    '%s is counted by address and by key id',
    (reason) => {
      const [address, key, ...more] = countedUnder(hashKey, { reason, keyId: 'abc' }, '192.0.2.7');
      expect(address).toMatch(/^address\/[\w-]{43}$/);
      expect([key, ...more]).toEqual(['key/abc']);
    },
  );

  test.each(['missing', 'malformed'] as const)('%s is not counted', (reason) => {
    expect(countedUnder(hashKey, { reason, keyId: null }, '192.0.2.7')).toEqual([]);
  });

  test.each(['', 'unknown', 'garbage'])('from %j is counted by key id only', (address) => {
    expect(countedUnder(hashKey, unknown, address)).toEqual(['key/abc']);
  });

  test.each([
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
    ['192.0.2.7', '::ffff:192.0.2.7', true],
    ['2001:db8::1', '2001:db8::ffff:2', true],
    ['2001:db8::1', '2001:db8:0:1::1', false],
  ])('from %s and from %s: counted together is %s', (a, b, isTogether) => {
    const [of, other] = [a, b].map((address) => countedUnder(hashKey, unknown, address)[0]);
    expect(of === other).toBe(isTogether);
  });

  test('is counted under no address in clear', () => {
    expect(countedUnder(hashKey, unknown, '192.0.2.7').join()).not.toContain('192.0.2.7');
  });
});

describe('too many', () => {
  const max = accessLimits.failedAuthenticationsMax;
  test.each([
    ['none', [], null],
    ['as many as may be', [{ count: max, endsInMs: 9_000 }], null],
    ['one more', [{ count: max + 1, endsInMs: 9_000 }], 9_000],
    [
      'of the key only',
      [
        { count: 1, endsInMs: 60_000 },
        { count: max + 1, endsInMs: 500 },
      ],
      500,
    ],
    [
      'of both: the longer wait',
      [
        { count: max + 5, endsInMs: 700 },
        { count: max + 1, endsInMs: 500 },
      ],
      700,
    ],
  ])('%s', (_, counts, retryAfterMs) => {
    expect(tooMany(counts)?.retryAfterMs ?? null).toBe(retryAfterMs);
  });

  test('are told with the time to come back, and that a good key passes', () => {
    expect(tooManyFailures(1_500)).toMatchObject({ kind: 'rate_limited', retryAfterMs: 1_500 });
  });
});
