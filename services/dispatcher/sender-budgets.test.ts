import { expect, test } from 'vitest';
import { MemoryBudgets } from '../adapters/memory/budgets.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import type { Sender } from '../core/catalog.ts';
import { SenderBudgets } from './sender-budgets.ts';

function begin(messagesPerSecond: number, messagesPerDay = 0) {
  const clock = new ManualClock();
  const budgets = new SenderBudgets({ budgets: new MemoryBudgets(clock), messages: clock });
  const sender: Sender = {
    tenant: 'default',
    name: 'billing',
    revision: 1,
    hash: '',
    suspended: false,
    domain: 'mail.shop.example',
    from: { name: null, address: 'billing@mail.shop.example' as Sender['from']['address'] },
    replyTo: [],
    returnPathDomain: 'mail.shop.example',
    team: [],
    routes: [],
    limits: { messagesPerSecond, messagesPerDay, maxRecipients: 50, maxMessageBytes: 1 },
    retry: { delaysMs: [], maxAgeMs: 1 },
    copies: 'at_least_once',
  };
  return { clock, take: (wanted: number) => budgets.take(sender, wanted) };
}

test('no limit lets all of it go', async () => {
  expect(await begin(0).take(1_000)).toEqual({ granted: 1_000, dues: [] });
});

test('what waits is spread over the time in which its tokens come', async () => {
  const { clock, take } = begin(10);
  const now = clock.now();
  expect(await take(13)).toEqual({ granted: 10, dues: [now + 100, now + 200, now + 300] });
  // behind what waits already
  expect(await take(1)).toEqual({ granted: 0, dues: [now + 400] });
});

test('less than one a second is slow, not never', async () => {
  const { clock, take } = begin(0.5);
  const now = clock.now();
  expect(await take(2)).toEqual({ granted: 1, dues: [now + 2_000] });
  await clock.advance(2_000);
  expect((await take(1)).granted).toBe(1);
});

test('the stricter of two limits counts', async () => {
  expect((await begin(10, 3).take(5)).granted).toBe(3);
});
