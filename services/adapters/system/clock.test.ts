import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from './clock.ts';

describe('systemClock', () => {
  it('returns the time of the machine', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(systemClock.now()).toBe(1_000);
    const before = systemClock.monotonic();
    expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before);
    expect(systemClock.uptime()).toBeGreaterThan(0);
  });

  it('sleeps for the given time', async () => {
    const woken: number[] = [];
    // timers that start in one turn end in the order of their times, however busy the machine is
    await Promise.all([20, 1].map((ms) => systemClock.sleep(ms).then(() => woken.push(ms))));
    expect(woken).toEqual([1, 20]);
  });

  it('wakes when the signal aborts, without an error', async () => {
    const stop = new AbortController();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort();
    await sleeping;
    await systemClock.sleep(60_000, stop.signal);
    await systemClock.sleep(Number.MAX_SAFE_INTEGER, stop.signal);
  });
});
