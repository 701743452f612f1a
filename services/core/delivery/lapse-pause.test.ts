import { expect, it } from 'vitest';
import { deliveryLimits } from '../limits/delivery.ts';
import { MINUTE, SECOND } from '../limits/units.ts';
import { lapsePause } from './lapse-pause.ts';

const leaseMs = 60 * SECOND;
const at = (monotonic: number, offset: number) => ({
  monotonic,
  now: 1_750_000_000_000 + offset + monotonic,
  errorMs: 0,
  leaseMs,
});
const SKEW = deliveryLimits.clockSkewMs;

it.each([
  ['the first look', null, 5 * SECOND, 0, 0],
  ['the clock as it was', 0, 1 * SECOND, 0, 0],
  ['the difference of two programs', 0, 0, SKEW, 0],
  ['more than that difference', 0, 0, SKEW + 1, 60 * SECOND],
  ['a step back by more than that difference', 0, 0, -SKEW - 1, 60 * SECOND],
  ['a step forward of 10 min', 0, 1 * SECOND, 10 * MINUTE, 60 * SECOND],
  ['a step back of 10 min', 0, 1 * SECOND, -10 * MINUTE, 60 * SECOND],
  ['the slewing of 10 s', 0, 10 * SECOND, 1 * SECOND, 0],
  ['the slewing of 10 s back', 0, 10 * SECOND, -1 * SECOND, 0],
  ['more than the slewing of 10 s', 0, 10 * SECOND, 1 * SECOND + SKEW + 1, 60 * SECOND],
  ['the slewing of one lease, after many', 0, 10 * MINUTE, 6 * SECOND, 0],
  ['the slewing of two leases', 0, 10 * MINUTE, 12 * SECOND, 60 * SECOND],
])('%s', (_, before, passed, moved, pausedFor) => {
  const first = before === null ? null : lapsePause(null, at(1_000, before));
  const after = lapsePause(first, at(1_000 + passed, moved));
  expect(Math.max(0, after.until - (1_000 + passed))).toBe(pausedFor);
});

it('a second step starts the pause over, and slow slewing does not', () => {
  const stepped = lapsePause(lapsePause(null, at(0, 0)), at(1_000, MINUTE));
  expect(stepped.until).toBe(61_000);
  expect(lapsePause(stepped, at(2_000, MINUTE + 100)).until).toBe(61_000);
  expect(lapsePause(stepped, at(2_000, 0)).until).toBe(62_000);
});

it('a short lease is paused until dispatchers have measured the clock and renewed their leases', () => {
  const look = (monotonic: number, now: number) => ({ monotonic, now, errorMs: 0, leaseMs: 6 * SECOND });
  expect(lapsePause(lapsePause(null, look(0, 0)), look(0, MINUTE)).until).toBe(32 * SECOND);
});

it('the time between the reading of the two clocks is no step', () => {
  const before = lapsePause(null, at(0, 0));
  const late = lapsePause(before, { ...at(1_000, 900), errorMs: 900 });
  expect(late.until).toBe(0);
  expect(lapsePause(late, at(2_000, 0)).until).toBe(0);
  expect(lapsePause(before, { ...at(1_000, 10 * MINUTE), errorMs: 900 }).until).toBe(61_000);
});
