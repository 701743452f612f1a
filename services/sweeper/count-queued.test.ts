import { expect, test } from 'vitest';
import { type SampleDelivery, sampleMessage } from '../../test/contract/sample-message.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { Failure } from '../core/failure.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import { countQueued } from './count-queued.ts';

function begin() {
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  const stop = new AbortController();
  const told: Record<string, number>[] = [];
  const reports: string[] = [];
  let backlog = 0;
  const metrics = {
    swept: () => {},
    backlog: (count: number) => {
      backlog = count;
    },
    oldestSendable: (ageMs: number) => void told.push({ backlog, ageMs }),
    drainingSenders: () => {},
  };
  const ended = countQueued(
    { messages, clock, metrics, report: (what) => void reports.push(what) },
    stop.signal,
  );
  return {
    messages,
    told,
    reports,
    put: async (...deliveries: SampleDelivery[]) => {
      await messages.insert(
        deliveries.map((delivery) => sampleMessage({ createdAt: messages.now(), deliveries: [delivery] })),
      );
    },
    next: () => clock.advance(sweepLimits.countQueuedEveryMs),
    end: async () => {
      stop.abort();
      await ended;
    },
  };
}

test('the metrics have the number of queued deliveries and the age of the oldest that could be sent', async () => {
  const { told, put, next, messages, end } = begin();
  await put({ due: messages.now() - 500, hold: { reason: 'budget' } });
  await next();
  expect(told.at(-1)).toEqual({ backlog: 1, ageMs: 0 });
  await put({ due: messages.now() - 2_000 }, {});
  await next();
  expect(told.at(-1)).toEqual({ backlog: 3, ageMs: 2_000 + sweepLimits.countQueuedEveryMs });
  await end();
});

test('counting continues after the store was unreachable', async () => {
  const { told, reports, messages, next, end } = begin();
  const queued = messages.countQueued.bind(messages);
  messages.countQueued = () => Promise.reject(new Failure('unavailable', 'away'));
  await next();
  messages.countQueued = queued;
  await next();
  expect(reports).toEqual(['the queued deliveries could not be counted']);
  expect(told.length).toBeGreaterThanOrEqual(2);
  await end();
});
