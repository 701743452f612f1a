import { expect, it } from 'vitest';
import { type SampleDelivery, sampleMessage } from '../../test/contract/sample-message.ts';
import { catalogOf } from '../../test/simulation/catalog.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { SeededRandom } from '../adapters/memory/random.ts';
import { MemoryWorkQueue } from '../adapters/memory/work-queue.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { MINUTE, SECOND } from '../core/limits/units.ts';
import { LeaseWatch } from './lease-watch.ts';
import { sweepLoop } from './sweep.ts';

/** A sweeper over a store whose clock a test steps. */
function begin() {
  const clock = new ManualClock();
  let stepped = 0;
  const messages = new MemoryMessageStore({ now: () => clock.now() + stepped });
  const stop = new AbortController();
  const parts = {
    messages,
    clock,
    blobs: new MemoryBlobStore(clock),
    queue: new MemoryWorkQueue(clock),
    catalog: catalogOf([]).catalog,
    random: new SeededRandom(1),
    metrics: { swept: () => {}, backlog: () => {}, oldestSendable: () => {}, drainingSenders: () => {} },
    report: (what: string, error: unknown) => expect.unreachable(`${what}: ${String(error)}`),
  };
  const put = async (progress: SampleDelivery) => {
    const message = sampleMessage({ createdAt: messages.now(), deliveries: [progress] });
    await messages.insert([message]);
    return async () => (await messages.find([message.id]))[0]?.deliveries[0];
  };
  return {
    clock,
    messages,
    parts,
    stop,
    step: (ms: number) => {
      stepped += ms;
    },
    /** A delivery that a dispatcher sends, and another that is deferred; both until then. */
    until: async (at: number) => ({
      sending: await put({
        state: 'sending',
        phase: 'committing',
        lease: { id: 'lease', until: at },
        due: messages.now(),
        wakeAt: at,
      }),
      deferred: await put({ state: 'deferred', due: at, wakeAt: at }),
    }),
  };
}

it.each([10 * MINUTE, 60 * MINUTE])(
  'after a step of %i ms no lease is taken back for one lease, while deferred mail falls due',
  async (ms) => {
    const { clock, messages, parts, stop, step, until } = begin();
    const ended = sweepLoop(parts, stop.signal);
    await clock.advance(5 * SECOND);
    const { sending, deferred } = await until(messages.now() + MINUTE);
    step(ms);
    await clock.advance(5 * SECOND);
    expect((await deferred())?.state).toBe('queued');
    await clock.advance(deliveryLimits.leaseMs - 7 * SECOND);
    expect(await sending()).toMatchObject({ state: 'sending', lapses: 0 });
    await clock.advance(5 * SECOND);
    expect(await sending()).toMatchObject({ state: 'queued', lapses: 1 });
    stop.abort();
    await ended;
  },
);

it('measures the store’s clock before a lease is taken back, and pauses if that has gone back', async () => {
  const { clock, messages, parts, stop, step, until } = begin();
  let pendingStep = -10 * MINUTE;
  messages.measureClock = async () => {
    step(pendingStep);
    pendingStep = 0;
  };
  const ended = sweepLoop(parts, stop.signal);
  const { sending } = await until(messages.now() + 5 * SECOND);
  await clock.advance(10 * SECOND);
  expect(await sending()).toMatchObject({ state: 'sending', lapses: 0 });
  await clock.advance(11 * MINUTE);
  expect(await sending()).toMatchObject({ state: 'queued', lapses: 1 });
  stop.abort();
  await ended;
});

it('a sweeper that starts pauses nothing', () => {
  const { parts, step } = begin();
  step(10 * MINUTE);
  expect(new LeaseWatch(parts).look().isPaused).toBe(false);
});
