import { expect, test } from 'vitest';
import type { MessageId } from '../core/ids.ts';
import type { TakenEntry } from '../ports/work-queue.ts';
import { Batch } from './batch.ts';

function entries(count: number) {
  const acked: number[] = [];
  const taken = Array.from(
    { length: count },
    (_, i): TakenEntry => ({
      tenant: 'default',
      tier: 'normal',
      sender: 'acme',
      entry: {
        message: `msg_${i}` as MessageId,
        delivery: 0,
        attempt: 1,
        domain: 'example.com',
        trace: null,
      },
      ack: () => void acked.push(i),
      giveBack: () => {},
    }),
  );
  return { taken, acked };
}

test('an entry is acked and reported once, however often it is settled', () => {
  const { taken, acked } = entries(2);
  const settled: TakenEntry[] = [];
  const batch = new Batch(taken, (entry) => void settled.push(entry));
  for (const entry of [...taken, ...taken]) batch.settle(entry);
  expect(acked).toEqual([0, 1]);
  expect(settled).toEqual(taken);
});

test('entries that are unsettled at the end are reported and not acked', () => {
  const { taken, acked } = entries(3);
  const settled: TakenEntry[] = [];
  {
    using batch = new Batch(taken, (entry) => void settled.push(entry));
    if (taken[1] !== undefined) batch.settle(taken[1]);
  }
  expect(acked).toEqual([1]);
  expect(settled).toEqual([taken[1], taken[0], taken[2]]);
});

test('an entry that is settled after the end is neither acked nor reported again', () => {
  const { taken, acked } = entries(1);
  const settled: TakenEntry[] = [];
  const batch = new Batch(taken, (entry) => void settled.push(entry));
  batch[Symbol.dispose]();
  for (const entry of taken) batch.settle(entry);
  expect(acked).toEqual([]);
  expect(settled).toEqual(taken);
});
