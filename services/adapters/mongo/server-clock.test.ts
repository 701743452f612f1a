import { expect, it } from 'vitest';
import { ServerClock } from './server-clock.ts';

const serverStart = 1_800_000_000_000;

/** A server whose clock runs beside ours, and a wire that takes its time. */
function setUp() {
  let monotonic = 5_000;
  let serverOffset = serverStart;
  const clock = new ServerClock(() => monotonic);
  return {
    clock,
    pass: (ms: number) => {
      monotonic += ms;
    },
    jump: (ms: number) => {
      serverOffset += ms;
    },
    ask: (thereMs: number, backMs: number) => async () => {
      monotonic += thereMs;
      const answer = serverOffset + monotonic;
      monotonic += backMs;
      return answer;
    },
  };
}

it('shows the server’s time between two measurements', async () => {
  const { clock, ask, pass } = setUp();
  await clock.measure(ask(2, 2));
  pass(10_000);
  expect(clock.now()).toBe(serverStart + 5_004 + 10_000);
});

it('does not shake when a slow answer only seems to differ', async () => {
  const { clock, ask } = setUp();
  await clock.measure(ask(1, 1));
  await clock.measure(ask(800, 0));
  expect(clock.now()).toBe(serverStart + 5_802);
});

it('follows a server whose clock is another one, as after a failover', async () => {
  const { clock, ask, jump } = setUp();
  await clock.measure(ask(1, 1));
  jump(600_000);
  await clock.measure(ask(20, 20));
  expect(clock.now()).toBe(serverStart + 5_042 + 600_000);
});
