import { describe, expect, it } from 'vitest';
import { type SampleDelivery, sampleMessage } from '../../test/contract/sample-message.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { openTemporary } from '../adapters/sqlite/database.fixture.ts';
import { openMessageStore } from '../adapters/sqlite/message-store.ts';
import type { Delivery } from '../core/delivery/delivery.ts';
import type { NewMessage } from '../core/delivery/message.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { queueLimits } from '../core/limits/queue.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import { resume } from './resume.ts';

const noMetrics = { swept: () => {}, backlog: () => {}, oldestSendable: () => {}, drainingSenders: () => {} };

function begin() {
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  const now = messages.now();
  const until = now + deliveryLimits.leaseMs;
  const swept: Record<string, number> = {};
  const metrics = {
    ...noMetrics,
    swept: (what: string, count: number) => {
      swept[what] = (swept[what] ?? 0) + count;
    },
  };
  return {
    now,
    swept,
    messages,
    inQueue: { due: now - 1, wakeAt: now + queueLimits.republishMs } satisfies SampleDelivery,
    inHand: {
      state: 'sending',
      phase: 'streaming',
      takenUp: true,
      due: now - 1,
      wakeAt: until,
      lease: { id: 'of the process before', until },
    } satisfies SampleDelivery,
    resume: () => resume({ messages, metrics }),
    async put(delivery: SampleDelivery, more: Partial<NewMessage> = {}): Promise<() => Promise<Delivery>> {
      const message = sampleMessage({ createdAt: now, deliveries: [delivery], ...more });
      await messages.insert([message]);
      return async () => {
        const [found] = await messages.find([message.id]);
        const stored = found?.deliveries[0];
        if (stored === undefined) throw new Error('the delivery is not there');
        return stored;
      };
    },
  };
}

describe('a start', () => {
  it('leaves all mail of the previous process in its backlog, due now', async () => {
    const s = begin();
    const queued = await s.put(s.inQueue);
    const streaming = await s.put(s.inHand);
    const committing = await s.put({ ...s.inHand, phase: 'committing' });
    expect(await s.messages.backlogs(s.now)).toEqual([]);

    expect(await s.resume()).toEqual({ inHand: 2, inQueue: 1 });
    expect(await queued()).toMatchObject({ state: 'queued', wakeAt: s.now - 1, lapses: 0, tries: 0 });
    const back = {
      state: 'queued',
      phase: null,
      lease: null,
      due: s.now,
      wakeAt: s.now,
      lapses: 1,
      tries: 1,
    };
    expect(await streaming()).toMatchObject({ ...back, maybeSent: false, attempt: 1 });
    expect(await committing()).toMatchObject({ ...back, maybeSent: true, attempt: 1 });
    const lane = { tenant: 'default', tier: 'normal', sender: 'acme' } as const;
    expect(await s.messages.unpublished(lane, s.now, 10)).toHaveLength(3);
    expect(s.swept).toEqual({ due: 0, lapsed: 2, ended: 0 });
  });

  it('ends mail that may have been sent and must not be sent twice', async () => {
    const s = begin();
    const once = await s.put({ ...s.inHand, phase: 'committing' }, { copies: 'at_most_once' });
    await s.resume();
    expect(await once()).toMatchObject({ state: 'unknown', wakeAt: null });
    expect(s.swept).toEqual({ due: 0, lapsed: 1, ended: 1 });
  });

  it('counts the lapses of a message that ends its process, and ends the message the fifth time', async () => {
    const s = begin();
    const poison = await s.put(s.inHand);
    const waits: number[] = [];
    for (let start = 1; start < deliveryLimits.lapsesMax; start += 1) {
      await s.resume();
      const { due, lapses } = await poison();
      expect(lapses).toBe(start);
      waits.push(due - s.now);
      await retake(s.messages, await poison(), s.inHand);
    }
    expect(waits).toEqual([0, 0, deliveryLimits.lapseDelayMs, deliveryLimits.lapseDelayMs]);
    await s.resume();
    expect(await poison()).toMatchObject({ state: 'dead', lapses: deliveryLimits.lapsesMax });
  });

  it('leaves mail alone whose time has not come', async () => {
    const s = begin();
    const later = s.now + 1_000;
    const others = await Promise.all(
      (
        [
          { due: later, wakeAt: later, hold: { reason: 'budget' } },
          { state: 'deferred', due: later, wakeAt: later },
          { state: 'scheduled', due: later, wakeAt: later },
          { state: 'delivered', wakeAt: null },
        ] as const
      ).map((delivery) => s.put(delivery)),
    );
    const before = await Promise.all(others.map((read) => read()));
    expect(await s.resume()).toEqual({ inHand: 0, inQueue: 0 });
    expect(await Promise.all(others.map((read) => read()))).toEqual(before);
  });

  it('takes back more than one batch, once each', async () => {
    const s = begin();
    const count = sweepLimits.sweepBatch + 1;
    const reads = await Promise.all(Array.from({ length: count }, () => s.put(s.inHand)));
    expect(await s.resume()).toEqual({ inHand: count, inQueue: 0 });
    expect(new Set((await Promise.all(reads.map((read) => read()))).map(({ lapses }) => lapses))).toEqual(
      new Set([1]),
    );
    expect(await s.resume()).toEqual({ inHand: 0, inQueue: 0 });
  });
});

describe('a start after a step of the wall clock', () => {
  const HOUR = 3_600_000;

  // behind the latest time in the store, the store's clock starts at that time
  it.each([
    ['an hour back', -HOUR, 0],
    ['an hour forward', HOUR, HOUR],
  ])('of %s continues the mail at once', async (_, stepMs, gainedMs) => {
    await using temporary = await openTemporary();
    const clock = new ManualClock();
    const before = await openMessageStore(temporary.database(), clock);
    const [now, until] = [before.now(), before.now() + deliveryLimits.leaseMs];
    const lease = { id: 'of the process before', until };
    const message = sampleMessage({
      createdAt: now,
      deliveries: [
        { due: now, wakeAt: now + queueLimits.republishMs },
        { to: 'b@example.com', state: 'sending', phase: 'streaming', due: now, wakeAt: until, lease },
      ],
    });
    await before.insert([message]);
    clock.step(stepMs);

    const messages = await openMessageStore(await temporary.reopen(), clock);
    expect(messages.now()).toBe(now + gainedMs);
    await resume({ messages, metrics: noMetrics });
    const lane = { tenant: 'default', tier: 'normal', sender: 'acme' } as const;
    const found = await messages.unpublished(lane, messages.now(), 10);
    expect(found.map(({ delivery }) => delivery).sort()).toEqual([0, 1]);
    const [queued, inHand] = found[0]?.message.deliveries ?? [];
    expect(queued).toMatchObject({ state: 'queued', lapses: 0, due: now });
    expect(inHand).toMatchObject({ state: 'queued', lapses: 1, due: now + gainedMs });
  });
});

/** The next process has the delivery in hand when it ends. */
async function retake(
  messages: MemoryMessageStore,
  { version }: Delivery,
  set: SampleDelivery,
): Promise<void> {
  const [found] = await messages.unpublished(
    { tenant: 'default', tier: 'normal', sender: 'acme' },
    Number.MAX_SAFE_INTEGER,
    1,
  );
  if (found === undefined) throw new Error('nothing is queued');
  await messages.apply([{ message: found.message.id, delivery: 0, version, set, event: null }]);
}
