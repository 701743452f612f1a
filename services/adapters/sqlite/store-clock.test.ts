import { expect, it } from 'vitest';
import { MINUTE, SECOND } from '../../core/limits/units.ts';
import { ManualClock } from '../memory/clock.ts';
import { SqliteStoreClock } from './store-clock.ts';

const setUp = () => {
  const machine = new ManualClock();
  return { machine, clock: new SqliteStoreClock(machine, null), t0: machine.now() };
};

it('shows the time of the machine in whole milliseconds', async () => {
  const { machine, clock, t0 } = setUp();
  expect(clock.now()).toBe(t0);
  await machine.advance(12.75);
  expect(clock.now()).toBe(t0 + 12);
});

it('runs on slowly after the wall clock was set back', async () => {
  const { machine, clock, t0 } = setUp();
  machine.step(-MINUTE);
  expect(clock.now()).toBe(t0);
  await machine.advance(10 * SECOND);
  expect(clock.now()).toBe(t0 + 9 * SECOND);
});

it('follows suspended time at once', async () => {
  const { machine, clock, t0 } = setUp();
  machine.suspend(10 * MINUTE);
  expect(clock.now()).toBe(t0 + 10 * MINUTE);
  await machine.advance(SECOND);
  expect(clock.now()).toBe(t0 + 10 * MINUTE + SECOND);
});

it('reads the uptime only when the wall clock has moved', async () => {
  const machine = new ManualClock();
  let reads = 0;
  const uptime = (): number => {
    reads += 1;
    return machine.uptime();
  };
  const clock = new SqliteStoreClock(
    { now: () => machine.now(), monotonic: () => machine.monotonic(), uptime },
    null,
  );
  for (let i = 0; i < 100; i++) {
    await machine.advance(1 * SECOND);
    clock.now();
  }
  expect(reads).toBe(1);
  machine.step(MINUTE);
  for (let i = 0; i < 100; i++) clock.now();
  expect(reads).toBe(2);
});
