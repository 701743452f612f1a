// The dispatcher's loop: takes entries while there is room for them, selects those that can go now,
// claims and delivers them, and settles each entry once what became of its delivery is stored (R2,
// R3).

import { Failure } from '../core/failure.ts';
import { Batch } from './batch.ts';
import { BudgetGate } from './budget-gate.ts';
import { type Claimed, claimAll } from './claim.ts';
import { deliver } from './deliver.ts';
import type { Dispatcher } from './dispatcher.ts';
import { InFlight } from './in-flight.ts';
import { Leases } from './leases.ts';
import { PausedRoutes } from './paused-routes.ts';
import { RouteGate } from './route-gate.ts';
import { select } from './select.ts';
import { withholdSuppressed } from './withhold-suppressed.ts';

/**
 * `take`: no more entries are taken. `stop`: what is under way is given up. The first comes well
 * before the second.
 */
interface DispatchSignals {
  readonly take: AbortSignal;
  readonly stop: AbortSignal;
}

/** What the batches of one dispatcher share. */
interface Shared {
  readonly inFlight: InFlight;
  readonly leases: Leases;
  readonly paused: PausedRoutes;
  readonly routes: RouteGate;
  readonly budgets: BudgetGate;
  readonly stop: AbortSignal;
}

/** Runs until `take` is aborted and all that was in flight is settled. Never rejects. */
export async function dispatch(d: Dispatcher, { take, stop }: DispatchSignals): Promise<void> {
  const inFlight = new InFlight(d.metrics);
  const leases = new Leases(d);
  const routes = new RouteGate(d, inFlight);
  const shared: Shared = {
    inFlight,
    leases,
    routes,
    budgets: new BudgetGate(d),
    paused: new PausedRoutes(),
    stop,
  };
  const ended = new AbortController();
  const renewing = leases.keep(ended.signal);
  while (!take.aborted) {
    const room = await routes.room(ended.signal);
    const taken = await d.queue.take(room, take);
    if (take.aborted) {
      for (const entry of taken) entry.giveBack();
      break;
    }
    inFlight.add(taken.length);
    const batch = new Batch(taken, (entry) => {
      routes.leave(entry);
      inFlight.remove();
    });
    handle(d, batch, shared).catch((error: unknown) => {
      // the store is away: unsettled entries come again, and the sweeper knows all of them anyway
      if (!(error instanceof Failure)) throw error;
      d.report('entries could not be handled', error);
    });
  }
  await inFlight.empty();
  ended.abort();
  await renewing;
}

async function handle(d: Dispatcher, entries: Batch, shared: Shared): Promise<void> {
  using batch = entries;
  const { leases, routes, budgets, paused, stop } = shared;
  const done = ({ candidate, hand }: Claimed): void => {
    leases.delete(hand);
    batch.settle(candidate.taken);
  };
  const candidates = await select(d, batch, { gates: [routes, budgets], paused, stop });
  const claimed = await claimAll(d, batch, leases, candidates);
  const sendable = await withholdSuppressed(d, claimed, { stop, done });
  await Promise.all(
    sendable.map(async (each) => {
      const { sender, route } = each.candidate;
      const startedAt = d.clock.monotonic();
      try {
        await deliver(d, { hand: each.hand, sender, route }, { stop, paused });
      } finally {
        routes.attempted(route, d.clock.monotonic() - startedAt);
        done(each);
      }
    }),
  );
}
