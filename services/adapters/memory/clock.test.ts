import { expect, it } from 'vitest';
import { ManualClock } from './clock.ts';

it('sleepers wake in the order of their times, each at its own time', async () => {
  const clock = new ManualClock(0);
  const woken: [string, number][] = [];
  const sleep = (name: string, ms: number): Promise<void> => clock.sleep(ms).then(() => void woken.push([name, clock.monotonic()]));
  const all = [sleep('c', 30), sleep('a', 10), sleep('b', 20).then(() => sleep('d', 15))];
  await clock.advance(29);
  expect(woken).toEqual([['a', 10], ['b', 20]]);
  await clock.advance(6);
  await Promise.all(all);
  expect(woken.slice(2)).toEqual([['c', 30], ['d', 35]]);
});

it('an aborted sleep ends at once and never rejects', async () => {
  const clock = new ManualClock();
  const stop = new AbortController();
  const sleep = clock.sleep(1_000, stop.signal);
  stop.abort();
  await sleep;
  await clock.sleep(1_000, stop.signal);
  expect(clock.monotonic()).toBe(0);
});

it('a jump moves the wall clock only', () => {
  const clock = new ManualClock(1_000);
  clock.jump(-400);
  expect([clock.now(), clock.monotonic()]).toEqual([600, 0]);
});
