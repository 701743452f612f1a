import { beforeEach, expect, test } from 'vitest';
import { sampleMessage } from '../../test/contract/sample-message.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { published } from '../core/delivery/delivery.ts';
import { viewOf } from '../core/delivery/message.ts';
import type { Lane } from '../core/delivery/pacing/lane.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import { Backlogs } from './backlogs.ts';

const lane: Lane = { tenant: 'default', tier: 'normal', sender: 'acme' };

let clock: ManualClock;
let store: MemoryMessageStore;
let backlogs: Backlogs;

beforeEach(() => {
  clock = new ManualClock();
  store = new MemoryMessageStore(clock);
  backlogs = new Backlogs(store, clock);
});

/** Asks, and lets the read that this starts come to its end. */
async function known(more: Partial<Lane> = {}): Promise<boolean> {
  backlogs.has({ ...lane, ...more });
  await clock.advance(0);
  return backlogs.has({ ...lane, ...more });
}

test('a backlog that another process met, or that was there before, is seen', async () => {
  await store.insert([sampleMessage({ createdAt: store.now() })]);
  expect(await known()).toBe(false); // due this moment: a sweeper is about to feed it
  await clock.advance(sweepLimits.backlogSeenMs + sweepLimits.sweepEveryMs);
  expect(await known()).toBe(true);
  expect(await known({ tenant: 'other' })).toBe(false);
  expect(await known({ sender: 'other' })).toBe(false);
});

test('a refused publish begins a backlog at once, and it ends when the store shows none', async () => {
  backlogs.begin(lane);
  expect(backlogs.has(lane)).toBe(true);
  expect(backlogs.has({ ...lane, tier: 'high' })).toBe(false);
  expect(backlogs.has({ ...lane, sender: 'other' })).toBe(false);
  await clock.advance(sweepLimits.backlogSeenMs);
  expect(await known()).toBe(true);
  await clock.advance(2 * sweepLimits.sweepEveryMs);
  expect(await known()).toBe(false);
});

test('a backlog lasts as long as the store shows it, and ends after it was published', async () => {
  const message = sampleMessage({ createdAt: store.now() });
  await store.insert([message]);
  for (let sweeps = 0; sweeps < 5; sweeps++) {
    await clock.advance(sweepLimits.backlogSeenMs);
    expect(await known()).toBe(true);
  }
  const [stored] = await store.find([message.id]);
  const change = stored == null ? null : published(viewOf(stored, 0), store.now());
  expect(change).not.toBeNull();
  await store.apply(change === null ? [] : [change]);
  await clock.advance(2 * sweepLimits.sweepEveryMs);
  expect(await known()).toBe(false);
});
