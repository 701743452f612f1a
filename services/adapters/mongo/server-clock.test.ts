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

it.each([600_000, -600_000, 3_600_000, -3_600_000, 300])(
  'follows a new primary whose clock differs by %i ms in one step',
  async (ms) => {
    const { clock, ask, jump, pass } = setUp();
    await clock.measure(ask(1, 1));
    jump(ms);
    await clock.measure(ask(20, 20));
    expect(clock.now()).toBe(serverStart + 5_042 + ms);
    pass(10_000);
    await clock.measure(ask(800, 800));
    expect(clock.now()).toBe(serverStart + 16_642 + ms);
  },
);

it('follows a step that is larger than the error of a slow answer', async () => {
  const { clock, ask, jump } = setUp();
  await clock.measure(ask(1, 1));
  jump(-600_000);
  await clock.measure(ask(4_000, 0));
  expect(Math.abs(clock.now() - (serverStart + 9_002 - 600_000))).toBeLessThanOrEqual(2_000);
  await clock.measure(ask(1, 1));
  expect(clock.now()).toBe(serverStart + 9_004 - 600_000);
});
