import { expect, it } from 'vitest';
import { many, workQueueContract } from '../../../test/contract/work-queue.ts';
import { queueLimits } from '../../core/limits/queue.ts';
import { ManualClock } from './clock.ts';
import { MemoryWorkQueue } from './work-queue.ts';

workQueueContract('memory', async () => {
  const clock = new ManualClock();
  const queue = new MemoryWorkQueue(clock);
  return {
    queue,
    other: async () => queue,
    ackWaitMs: queueLimits.ackWaitMs,
    elapse: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => queue[Symbol.asyncDispose](),
  };
});

it.each(['tenant', 'sender'] as const)('takes turns by %s within a tier', async (field) => {
  const queue = new MemoryWorkQueue(new ManualClock());
  await queue.publish(many(100, () => ({ [field]: 'flood' })));
  await queue.publish(many(3, () => ({ [field]: 'neighbour' })));
  const taken = await queue.take(6, new AbortController().signal);
  expect(taken.map((t) => t[field])).toEqual([
    'flood',
    'neighbour',
    'flood',
    'neighbour',
    'flood',
    'neighbour',
  ]);
});

it('is bounded over all tenants', async () => {
  const queue = new MemoryWorkQueue(new ManualClock());
  const tenants = queueLimits.memoryQueueEntriesMax / queueLimits.windowPerLane;
  for (let i = 0; i < tenants; i += 1)
    await queue.publish(many(queueLimits.windowPerLane, () => ({ tenant: `t${i}` })));
  expect(await queue.publish(many(1, () => ({ tenant: 'one more' })))).toEqual(['full']);
  const [taken] = await queue.take(1, new AbortController().signal);
  taken?.ack();
  expect(await queue.publish(many(1, () => ({ tenant: 'one more' })))).toEqual(['published']);
});
