import { expect, test } from 'vitest';
import { sampleMessage } from '../../test/contract/sample-message.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import type { DeliveryState } from '../core/delivery/delivery.ts';
import { Failure } from '../core/failure.ts';
import { catalogLimits } from '../core/limits/catalog.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { DrainingSender } from '../ports/draining-senders.ts';
import { eraseDrained } from './erase-drained.ts';

async function begin(...states: readonly DeliveryState[]) {
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  await messages.insert(
    states.map((state) => sampleMessage({ createdAt: messages.now(), deliveries: [{ state }] })),
  );
  const { tenant, sender: name } = sampleMessage({ createdAt: messages.now() });
  let draining: DrainingSender[] = [
    { key: `sender/${tenant}/${name}`, tenant, name, retiredAt: messages.now() },
  ];
  let isDown = false;
  const reports: string[] = [];
  const counts: number[] = [];
  const stop = new AbortController();
  const ended = eraseDrained(
    {
      ...{ clock, messages },
      drainingSenders: {
        draining: async () => {
          if (isDown) throw new Failure('unavailable', 'the store is down');
          return draining;
        },
        erase: async (sender) => {
          draining = draining.filter((each) => each !== sender);
          return true;
        },
      },
      metrics: { drainingSenders: (count) => void counts.push(count) },
      report: (what) => void reports.push(what),
    },
    stop.signal,
  );
  return {
    ...{ reports, counts },
    isErased: () => draining.length === 0,
    setDown: (value: boolean) => {
      isDown = value;
    },
    wait: async (ms: number) => {
      for (let waited = 0; waited < ms; waited += sweepLimits.drainLookMs)
        await clock.advance(sweepLimits.drainLookMs);
    },
    end: async () => {
      stop.abort();
      await ended;
    },
  };
}

const KNOWN_BY_ALL = catalogLimits.catalogHeadEveryMs + sweepLimits.drainLookMs;

test('a sender without mail is erased when each ingest has read that it is retired', async () => {
  const w = await begin();
  await w.wait(KNOWN_BY_ALL - sweepLimits.drainLookMs);
  expect(w.isErased()).toBe(false);
  await w.wait(sweepLimits.drainLookMs);
  expect(w.isErased()).toBe(true);
  expect([w.counts[0], w.counts.at(-1)]).toEqual([1, 0]);
  await w.end();
});

test.each([
  ['scheduled', false],
  ['queued', false],
  ['sending', false],
  ['deferred', false],
  ['delivered', true],
  ['bounced', true],
  ['unknown', true],
  ['cancelled', true],
  ['suppressed', true],
  ['expired', true],
  ['dead', true],
] as const)('a sender whose mail is %s is erased: %s', async (state, isErased) => {
  const w = await begin(state);
  await w.wait(2 * KNOWN_BY_ALL);
  expect(w.isErased()).toBe(isErased);
  await w.end();
});

test('a failure of the store is reported, and the next look continues', async () => {
  const w = await begin();
  w.setDown(true);
  await w.wait(KNOWN_BY_ALL);
  expect(new Set(w.reports)).toEqual(new Set(['the draining senders could not be read']));
  w.setDown(false);
  await w.wait(sweepLimits.drainLookMs);
  expect(w.isErased()).toBe(true);
  await w.end();
});
