import { expect, test } from 'vitest';
import { MemoryBudgets } from '../adapters/memory/budgets.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import type { Sender } from '../core/catalog/catalog.ts';
import { type MessageId, messageId } from '../core/ids.ts';
import { SenderBudgets } from './sender-budgets.ts';

const senderOf = (messagesPerSecond: number, messagesPerDay: number): Sender => ({
  tenant: 'default',
  name: 'billing',
  revision: 1,
  hash: '',
  suspended: false,
  verified: true,
  retiring: false,
  domain: 'mail.shop.example',
  from: { name: null, address: 'billing@mail.shop.example' as Sender['from']['address'] },
  replyTo: [],
  returnPathDomain: 'mail.shop.example',
  team: [],
  routes: [],
  limits: { messagesPerSecond, messagesPerDay, maxRecipients: 50, maxMessageBytes: 1 },
  retry: { delaysMs: [], maxAgeMs: 1 },
  copies: 'at_least_once',
  dkim: [],
});

const idsOf = (count: number): MessageId[] => Array.from({ length: count }, (_, i) => sortable(i));
const sortable = (at: number): MessageId => messageId(at, new Uint8Array(10));

function begin(messagesPerSecond: number, messagesPerDay = 0) {
  const clock = new ManualClock();
  const budgets = new SenderBudgets({ budgets: new MemoryBudgets(clock), messages: clock });
  const sender = senderOf(messagesPerSecond, messagesPerDay);
  return { clock, take: (fresh: number, waited = 0) => budgets.take(sender, idsOf(waited), fresh) };
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
  expect((await take(0, 1)).granted).toBe(1);
});

test('those that waited take tokens first, and wait at the front when they are refused', async () => {
  const { clock, take } = begin(10);
  await take(40); // a line of 3 s
  await clock.advance(1_000);
  const now = clock.now();
  expect(await take(2, 12)).toEqual({ granted: 10, dues: [now + 100, now + 200, now + 2_100, now + 2_200] });
});

test('tokens of a line are not for newcomers', async () => {
  const { clock, take } = begin(10);
  await take(30);
  await clock.advance(1_500);
  expect((await take(1)).granted).toBe(0);
  expect((await take(0, 10)).granted).toBe(10);
});

test('a line that all who came could pass is still there for those who did not come yet', async () => {
  const { clock, take } = begin(10);
  await take(30);
  await clock.advance(1_000);
  expect((await take(0, 5)).granted).toBe(5);
  expect((await take(1)).granted).toBe(0);
});

test('a line ends with its time', async () => {
  const { clock, take } = begin(10);
  await take(15);
  await clock.advance(700);
  expect(await take(1)).toEqual({ granted: 1, dues: [] });
});

test('the stricter of two limits counts', async () => {
  const { clock, take } = begin(10, 3);
  const now = clock.now();
  const day = 86_400_000;
  expect(await take(5)).toEqual({ granted: 3, dues: [now + day / 3, now + (2 * day) / 3] });
});

test('a refusal of the second costs no tokens of the day', async () => {
  const { clock, take } = begin(10, 30);
  expect((await take(100)).granted).toBe(10);
  await clock.advance(1_000);
  expect((await take(0, 50)).granted).toBe(10);
  await clock.advance(1_000);
  expect((await take(0, 50)).granted).toBe(10);
  await clock.advance(1_000);
  expect((await take(0, 50)).granted).toBe(0);
});

test('a refusal of the day costs no tokens of the second', async () => {
  const asked: string[] = [];
  const clock = new ManualClock();
  const memory = new MemoryBudgets(clock);
  const budgets = new SenderBudgets({
    messages: clock,
    budgets: {
      reserve: (asks) => {
        asked.push(...asks.filter((ask) => ask.tokens > 0).map((ask) => ask.budget.name));
        return memory.reserve(asks);
      },
      putBack: (budget, tokens) => memory.putBack(budget, tokens),
      check: () => memory.check(),
      [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
    },
  });
  const sender = senderOf(10, 1);
  await budgets.take(sender, [], 1);
  asked.length = 0;
  expect((await budgets.take(sender, [], 1)).granted).toBe(0);
  expect(asked).toEqual(['sender/default/billing/day']);
});
