import { describe, expect, it } from 'vitest';
import { SystemRandom } from './random.ts';

describe('SystemRandom', () => {
  it('returns as many bytes as asked for, never the same twice', () => {
    const random = new SystemRandom();
    for (const count of [0, 1, 10, 5_000]) expect(random.bytes(count)).toHaveLength(count);
    const seen = new Set(Array.from({ length: 2_000 }, () => Buffer.from(random.bytes(10)).toString('hex')));
    expect(seen.size).toBe(2_000);
  });

  it('returns different fractions in [0, 1)', () => {
    const random = new SystemRandom();
    const fractions = Array.from({ length: 1_000 }, () => random.fraction());
    expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
    expect(new Set(fractions).size).toBeGreaterThan(990);
  });
});
