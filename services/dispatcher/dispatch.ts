// The dispatcher's loop: takes entries while there is room for them, selects those that can go now,
// claims and delivers them, and settles each entry once the outcome of its delivery is stored (R2,
// R3).

import { Failure } from '../core/failure.ts';
import { Batch } from './batch.ts';
import { BudgetGate } from './budget-gate.ts';
import { type Claimed, type ClaimParts, claimAll } from './claim.ts';
import { type DeliverParts, deliver } from './deliver.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { InFlight } from './in-flight.ts';
import { Leases } from './leases.ts';
import { PausedRoutes } from './paused-routes.ts';
import { RouteGate } from './route-gate.ts';
import { type SelectParts, select } from './select.ts';
import { type SuppressionParts, withholdSuppressed } from './withhold-suppressed.ts';

export interface DispatchSignals {
  /** Once it aborts, no more entries are taken. It aborts well before `stop`. */
  readonly take: AbortSignal;
  /** Once it aborts, attempts that have not reached their final dot are given up. */
  readonly stop: AbortSignal;
}

type HandleParts = SelectParts & ClaimParts & SuppressionParts & DeliverParts;

/** The state that all batches of one dispatcher share. */
interface Shared {
  readonly inFlight: InFlight;
  readonly leases: Leases;
  readonly paused: PausedRoutes;
  readonly routes: RouteGate;
  readonly budgets: BudgetGate;
  readonly stop: AbortSignal;
}

/** Runs until `take` is aborted and every entry in flight is settled. Never rejects. */
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
      // the store is unreachable: the queue delivers unsettled entries again, and the sweeper
      // publishes those that the queue loses
      if (!(error instanceof Failure)) throw error;
      d.report('entries could not be handled', error);
    });
  }
  await inFlight.empty();
  ended.abort();
  await renewing;
}

async function handle(d: HandleParts, entries: Batch, shared: Shared): Promise<void> {
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
