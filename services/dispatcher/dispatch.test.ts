// The dispatcher and the sweeper over memory adapters, by a manual clock, with relays that answer
// as slowly as a test wants.

import { setImmediate } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { newMessageId, sampleMessage } from '../../test/contract/sample-message.ts';
import { catalogOf, sampleSender } from '../../test/simulation/catalog.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { MemoryBudgets } from '../adapters/memory/budgets.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { SeededRandom } from '../adapters/memory/random.ts';
import { MemorySuppressionStore } from '../adapters/memory/suppression-store.ts';
import { MemoryWorkQueue } from '../adapters/memory/work-queue.ts';
import type { Route, Sender } from '../core/catalog/catalog.ts';
import type { Tier } from '../core/delivery/message.ts';
import { laneOf } from '../core/delivery/pacing/lane.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { queueLimits } from '../core/limits/queue.ts';
import { smtpOutLimits } from '../core/limits/smtp-out.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { Report, Session, Transport } from '../ports/transport.ts';
import { sweepLoop } from '../sweeper/sweep.ts';
import { dispatch } from './dispatch.ts';
import { SigningKeys } from './sign.ts';

/** One mail that was delivered, in the order of the answers. */
interface Arrival {
  readonly recipient: string;
  /** Of the attempt, monotonic. */
  readonly startedAt: number;
  readonly endedAt: number;
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const routeTo = (host: string): Route => ({
  name: host,
  host,
  port: 25,
  tls: 'None',
  credentials: null,
  ca: null,
});
const senderOf = (tenant: string, host: string, messagesPerSecond = 0): Sender => {
  const sender = sampleSender([]);
  return { ...sender, tenant, routes: [routeTo(host)], limits: { ...sender.limits, messagesPerSecond } };
};

function begin(senders: readonly Sender[], answerMs: Record<string, number>) {
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  const queue = new MemoryWorkQueue(clock);
  const arrivals: Arrival[] = [];
  const holds: number[] = [];
  const ports = {
    messages,
    queue,
    clock,
    blobs: new MemoryBlobStore(clock),
    random: new SeededRandom(1),
    catalog: catalogOf(senders).catalog,
    report: (what: string, error: unknown) => {
      throw new Error(what, { cause: error });
    },
  };
  const dispatcher = {
    ...ports,
    suppressions: new MemorySuppressionStore(),
    budgets: new MemoryBudgets(clock),
    transport: relays(clock, answerMs, arrivals),
    templates: new CompiledTemplates(),
    signingKeys: new SigningKeys(),
    suppressionKeys: [{ id: 'k1', secret: new Uint8Array(32).fill(7) }],
    returnKey: new Uint8Array(32).fill(9),
    relay: null,
    metrics: {
      claimed: () => {},
      attempt: () => {},
      delivered: () => {},
      firstReply: () => {},
      inFlight: () => {},
      held: (_: string, count: number) => void holds.push(count),
    },
  };
  const take = new AbortController();
  const stop = new AbortController();
  const ended = [
    dispatch(dispatcher, { take: take.signal, stop: stop.signal }),
    sweepLoop(
      {
        ...ports,
        metrics: { swept: () => {}, backlog: () => {}, oldestSendable: () => {}, drainingSenders: () => {} },
      },
      take.signal,
    ),
  ];
  stops.push(async () => {
    take.abort();
    stop.abort();
    let isOver = false;
    void Promise.all(ended).then(() => {
      isOver = true;
    });
    while (!isOver) await clock.advance(1_000);
  });
  let accepted = 0;
  return {
    clock,
    arrivals,
    held: () => holds.reduce((sum, count) => sum + count, 0),
    /** At most a window's worth. */
    async accept(tenant: string, count: number, tier: Tier = 'normal', sender = 'acme'): Promise<void> {
      const now = clock.now();
      const accepting = Array.from({ length: count }, () =>
        sampleMessage({
          id: newMessageId(now),
          createdAt: now,
          tenant,
          tier,
          sender,
          deliveries: [
            { to: `${sender}.${tenant}-${++accepted}@example.com`, wakeAt: now + queueLimits.republishMs },
          ],
        }),
      ).map((message, i, all) => ({ ...message, id: all.map((m) => m.id).toSorted()[i] ?? message.id }));
      await messages.insert(accepting);
      const entryOf = (message: (typeof accepting)[number]) => ({
        message: message.id,
        delivery: 0,
        attempt: 1,
        domain: 'example.com',
        trace: null,
      });
      await queue.publish(accepting.map((message) => ({ ...laneOf(message), entry: entryOf(message) })));
      await setImmediate();
    },
    async until(condition: () => boolean, withinMs: number): Promise<void> {
      const end = clock.monotonic() + withinMs;
      while (!condition() && clock.monotonic() < end) await clock.advance(10);
      expect(condition()).toBe(true);
    },
  };
}

/**
 * Relays that answer the dot after so many milliseconds, over as many connections as a route may
 * have.
 */
function relays(clock: ManualClock, answerMs: Record<string, number>, arrivals: Arrival[]): Transport {
  const inUse = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();
  const free = (host: string): void => {
    const next = waiting.get(host)?.shift();
    if (next === undefined) inUse.set(host, (inUse.get(host) ?? 0) - 1);
    else next();
  };
  return {
    open: async (route, { signal }) => {
      const { host } = route;
      const used = inUse.get(host) ?? 0;
      if (used < smtpOutLimits.connectionsPerRouteMax) inUse.set(host, used + 1);
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.set(host, [...(waiting.get(host) ?? []), resolve]);
        signal.addEventListener('abort', () => resolve());
        await promise;
      }
      if (signal.aborted) return report(route, 'aborted');
      const session: Session = {
        kind: 'session',
        send: async (transaction) => {
          const startedAt = clock.monotonic();
          for await (const _ of transaction.body);
          if (!(await transaction.beforeDot())) return report(route, 'fenced');
          await clock.sleep(answerMs[host] ?? 0, transaction.signal);
          if (transaction.signal.aborted) return report(route, 'answer_lost');
          arrivals.push({ recipient: transaction.rcptTo, startedAt, endedAt: clock.monotonic() });
          return report(route, 'accepted');
        },
        [Symbol.asyncDispose]: async () => free(host),
      };
      return session;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

const report = (route: Route, kind: Report['kind']): Report => ({
  kind,
  stage: 'dot',
  reason: null,
  code: kind === 'accepted' ? 250 : null,
  enhanced: null,
  text: '',
  host: route.host,
  source: null,
  tls: null,
  timings: { open: null, envelope: null, body: null, dot: null },
  transcript: null,
});

const numberOf = (arrival: Arrival): number => Number(/-(\d+)@/.exec(arrival.recipient)?.[1]);

test('mail over its sender’s limit goes in the order of its acceptance, newcomers last (P9)', async () => {
  const world = begin([senderOf('default', 'good.example', 50)], {});
  await world.accept('default', 600);
  await world.clock.advance(3_000);
  await world.accept('default', 1);
  await world.until(() => world.arrivals.length === 601, 30_000);
  const displaced = world.arrivals.map((arrival, place) => Math.abs(numberOf(arrival) - 1 - place));
  expect(Math.max(...displaced)).toBeLessThanOrEqual(50);
  expect(world.arrivals.map(numberOf).indexOf(601)).toBeGreaterThanOrEqual(590);
});

test('under a steady inflow over the limit the oldest still goes first (P9)', async () => {
  const world = begin([senderOf('default', 'good.example', 20)], {});
  await world.accept('default', 100);
  for (let second = 0; second < 20; second++) {
    await world.accept('default', 25);
    await world.clock.advance(1_000);
  }
  await world.until(() => world.arrivals.length === 600, 60_000);
  const displaced = world.arrivals.map((arrival, place) => Math.abs(numberOf(arrival) - 1 - place));
  expect(Math.max(...displaced)).toBeLessThanOrEqual(60);
});

test.each(['normal', 'high'] as const)(
  'a neighbour’s mail (%s) passes a route that answers slowly (P10, P16)',
  async (tier) => {
    const world = begin([senderOf('slow', 'slow.example'), senderOf('quick', 'good.example')], {
      'slow.example': 20_000,
    });
    await world.accept('slow', 2_000);
    await world.clock.advance(500);
    await world.accept('quick', 1, tier);
    await world.until(
      () => world.arrivals.some((a) => a.recipient.startsWith('acme.quick')),
      2 * dispatchLimits.routeSlowMs,
    );
    await world.clock.advance(60_000);
    const sentAt = world.clock.monotonic();
    await world.accept('quick', 50, tier);
    await world.until(
      () => world.arrivals.filter((a) => a.recipient.startsWith('acme.quick')).length === 51,
      500,
    );
    expect(world.clock.monotonic() - sentAt).toBeLessThan(500);
  },
);

test.each([
  ['answers slowly', 20_000],
  ['never answers', 3_600_000],
])('a sender whose server %s delays no other sender of its tenant and tier (P10)', async (_, answerMs) => {
  const of = (name: string, host: string): Sender => ({ ...senderOf('default', host), name });
  const world = begin([of('slow', 'slow.example'), of('quick', 'good.example')], {
    'slow.example': answerMs,
  });
  await world.accept('default', queueLimits.windowPerLane, 'normal', 'slow');
  await world.accept('default', 25, 'normal', 'quick');
  const quick = (): Arrival[] => world.arrivals.filter((a) => a.recipient.startsWith('quick.'));
  await world.until(() => quick().length === 25, 2 * dispatchLimits.routeSlowMs);
  expect(quick().map(numberOf)).toEqual(
    quick()
      .map(numberOf)
      .toSorted((a, b) => a - b),
  );
});

test('a slow route keeps its connections busy, and what it has no room for is not moved about all the time', async () => {
  const world = begin([senderOf('slow', 'slow.example')], { 'slow.example': 2_000 });
  await world.accept('slow', 1_000);
  await world.until(() => world.arrivals.length === 1_000, 130_000);
  // 20 connections, one mail in 2 s each: 100 s at best
  expect(world.clock.monotonic()).toBeLessThan(120_000);
  expect(world.held()).toBeLessThan(5_000);
});

test('a fast route holds nothing', async () => {
  const world = begin([senderOf('a', 'a.example'), senderOf('b', 'b.example')], {
    'a.example': 20,
    'b.example': 20,
  });
  await world.accept('a', 1_000);
  await world.accept('b', 1_000);
  await world.until(() => world.arrivals.length === 2_000, 10_000);
  expect(world.held()).toBe(0);
});
