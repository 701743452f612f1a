// Three dispatchers and a sweeper over one store and one queue, by a manual clock: the order of
// first attempts within a tenant and tier (P9).

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
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { smtpOutLimits } from '../core/limits/smtp-out.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { Report, Transport } from '../ports/transport.ts';
import { sweepLoop } from '../sweeper/sweep.ts';
import { dispatch } from './dispatch.ts';
import { SigningKeys } from './sign.ts';

const DISPATCHERS = 3;
/** Deliveries to one route that all dispatchers have in flight, waiting for a connection included. */
const IN_FLIGHT = (DISPATCHERS * dispatchLimits.deliveriesInFlightMax) / 2;
const REPLY_MS = 20;

/** A first attempt, by the monotonic clock. */
interface Start {
  readonly tenant: string;
  readonly tier: Tier;
  readonly number: number;
  readonly at: number;
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const senderOf = (tenant: string): Sender => {
  const sender = sampleSender([]);
  const route: Route = {
    ...{ name: 'one', host: 'mx.example', port: 25, tls: 'None' },
    ...{ credentials: null, ca: null },
  };
  return { ...sender, tenant, routes: [route], limits: { ...sender.limits, messagesPerSecond: 0 } };
};

function begin(tenants: readonly string[]) {
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  const starts: Start[] = [];
  const shared = {
    ...{ messages, clock, queue: new MemoryWorkQueue(clock), blobs: new MemoryBlobStore(clock) },
    random: new SeededRandom(1),
    catalog: catalogOf(tenants.map(senderOf)).catalog,
    report: (what: string, error: unknown) => {
      throw new Error(what, { cause: error });
    },
  };
  const take = new AbortController();
  const stop = new AbortController();
  const dispatcherOf = (transport: Transport) => ({
    ...{
      ...shared,
      transport,
      suppressions: new MemorySuppressionStore(),
      budgets: new MemoryBudgets(clock),
    },
    ...{ templates: new CompiledTemplates(), signingKeys: new SigningKeys(), relay: null },
    suppressionKeys: [{ id: 'k1', secret: new Uint8Array(32).fill(7) }],
    returnKey: new Uint8Array(32).fill(9),
    metrics: {
      ...{ claimed: () => {}, attempt: () => {}, delivered: () => {}, firstReply: () => {} },
      ...{ inFlight: () => {}, held: () => {} },
    },
  });
  const sweeping = {
    ...shared,
    metrics: { swept: () => {}, backlog: () => {}, oldestSendable: () => {}, drainingSenders: () => {} },
  };
  const ended = [
    ...Array.from({ length: DISPATCHERS }, () =>
      dispatch(dispatcherOf(connections(clock, starts)), { take: take.signal, stop: stop.signal }),
    ),
    sweepLoop(sweeping, take.signal),
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
    starts,
    /** Stores mail in this order; the sweeper publishes it. Returns the number of the first. */
    async accept(tenant: string, tier: Tier, count: number): Promise<number> {
      const first = accepted;
      const ids = Array.from({ length: count }, () => newMessageId(clock.now())).toSorted();
      await messages.insert(
        ids.map((id) =>
          sampleMessage({
            ...{ id, createdAt: clock.now(), tenant, tier },
            deliveries: [{ to: `${tenant}.${tier}.${accepted++}@example.com` }],
          }),
        ),
      );
      return first;
    },
  };
}

/** A dispatcher's connections to the one route, first come first served. */
function connections(clock: ManualClock, starts: Start[]): Transport {
  let free = smtpOutLimits.connectionsPerRouteMax;
  const waiting: (() => void)[] = [];
  return {
    open: async (_, { signal }) => {
      if (free > 0) free -= 1;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.push(resolve);
        signal.addEventListener('abort', () => resolve());
        await promise;
      }
      if (signal.aborted) return report('aborted');
      return {
        kind: 'session',
        send: async (transaction) => {
          const [tenant = '', tier = '', number = ''] = (transaction.rcptTo.split('@')[0] ?? '').split('.');
          starts.push({ tenant, tier: tier as Tier, number: Number(number), at: clock.monotonic() });
          for await (const _ of transaction.body);
          if (!(await transaction.beforeDot())) return report('fenced');
          await clock.sleep(REPLY_MS, transaction.signal);
          return report(transaction.signal.aborted ? 'answer_lost' : 'accepted');
        },
        [Symbol.asyncDispose]: async () => {
          const next = waiting.shift();
          if (next === undefined) free += 1;
          else next();
        },
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

const report = (kind: Report['kind']): Report => ({
  ...{ kind, stage: 'dot', reason: null, code: kind === 'accepted' ? 250 : null, enhanced: null, text: '' },
  ...{ host: 'mx.example', source: null, tls: null, transcript: null },
  timings: { open: null, envelope: null, body: null, dot: null },
});

async function advanceUntil(clock: ManualClock, isOver: () => boolean, withinMs: number): Promise<void> {
  const end = clock.monotonic() + withinMs;
  while (!isOver() && clock.monotonic() < end) await clock.advance(20);
  expect(isOver()).toBe(true);
}

test('first attempts of one tenant and tier start in the order of acceptance, but for what is in flight (P9)', async () => {
  const world = begin(['default']);
  const count = 3_000;
  await world.accept('default', 'normal', count);
  await advanceUntil(world.clock, () => world.starts.length >= count, 60_000);
  const displaced = world.starts.map(({ number }, place) => Math.abs(number - place));
  expect(new Set(world.starts.map(({ number }) => number)).size).toBe(count);
  expect(Math.max(...displaced)).toBeLessThanOrEqual(IN_FLIGHT);
});
