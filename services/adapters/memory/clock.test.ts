import { describe, expect, it } from 'vitest';
import { ManualClock } from './clock.ts';

describe('ManualClock', () => {
  it('wakes sleepers in the order of their times, each at its own', async () => {
    const clock = new ManualClock(1_000);
    const woken: [string, number, number][] = [];
    const sleep = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push([name, clock.now(), clock.monotonic()]);
    };
    const all = [sleep('c', 30), sleep('a', 10), sleep('b', 30), sleep('z', 0)];
    await clock.advance(29);
    expect(woken).toEqual([
      ['z', 1_000, 0],
      ['a', 1_010, 10],
    ]);
    expect(clock.nextMs).toBe(1);
    await clock.advance(1);
    await Promise.all(all);
    expect(woken.slice(2)).toEqual([
      ['c', 1_030, 30],
      ['b', 1_030, 30],
    ]);
    expect(clock.nextMs).toBeNull();
  });

  it('runs a loop as often as its time comes within the span', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const turns: number[] = [];
    const loop = (async () => {
      while (!stop.signal.aborted) {
        await clock.sleep(100, stop.signal);
        turns.push(clock.monotonic());
      }
    })();
    await clock.advance(350);
    expect(turns).toEqual([100, 200, 300]);
    stop.abort();
    await loop;
    expect(turns).toEqual([100, 200, 300, 350]);
    expect(clock.nextMs).toBeNull();
  });

  it('steps the wall clock alone, and suspends the monotonic clock alone', async () => {
    const clock = new ManualClock(1_000);
    clock.step(-300);
    expect([clock.now(), clock.monotonic(), clock.uptime()]).toEqual([700, 0, 0]);
    clock.suspend(50);
    await clock.advance(5);
    expect([clock.now(), clock.monotonic(), clock.uptime()]).toEqual([755, 5, 55]);
  });

  it('does not sleep when the signal has aborted', async () => {
    const clock = new ManualClock();
    await clock.sleep(1_000, AbortSignal.abort());
    expect(clock.monotonic()).toBe(0);
  });
});
