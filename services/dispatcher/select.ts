// Selects the entries of a batch that can go now. An outdated entry is settled. A delivery that
// ends or waits is changed in the store first, and its entry is settled then (R3).

import { type Change, type HoldReason, hold } from '../core/delivery/delivery.ts';
import { viewOf } from '../core/delivery/message.ts';
import { earlyBy, plan } from '../core/delivery/plan.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { TakenEntry } from '../ports/work-queue.ts';
import type { Batch } from './batch.ts';
import { type Admitted, type Candidate, type Gate, inTurn, type ReadEntry } from './candidate.ts';
import { type Dispatcher, routesOf } from './dispatcher-parts.ts';
import type { PausedRoutes } from './paused-routes.ts';

export type SelectParts = Pick<Dispatcher, 'messages' | 'catalog' | 'clock' | 'metrics' | 'relay'>;

export interface Gates {
  /** In the order in which they are asked. */
  readonly gates: readonly Gate[];
  readonly paused: PausedRoutes;
  /** Once it aborts, nothing waits for clocks to agree any more. */
  readonly stop: AbortSignal;
}

interface Selection {
  readonly going: readonly Candidate[];
  /** Entries whose change the store refused. */
  readonly refused: readonly TakenEntry[];
}

/** A change to make before the entry is settled. */
interface PlannedChange {
  readonly entry: TakenEntry;
  readonly change: Change;
}

/**
 * Returns the candidates that every gate admits, in the order in which the last gate returned them.
 * Rejects when the store fails.
 */
export async function select(d: SelectParts, batch: Batch, gates: Gates): Promise<readonly Candidate[]> {
  const going: Candidate[] = [];
  let left = batch.entries;
  // a decision that the store refuses is made again about the delivery as it is stored now
  for (let round = 0; round < dispatchLimits.entryTriesMax && left.length > 0; round++) {
    const selection = await selectOnce(d, batch, left, gates);
    going.push(...selection.going);
    left = selection.refused;
  }
  for (const entry of left) batch.settle(entry);
  return going;
}

async function selectOnce(
  d: SelectParts,
  batch: Batch,
  entries: readonly TakenEntry[],
  { gates, paused, stop }: Gates,
): Promise<Selection> {
  const read = await readEntries(d, batch, entries);
  await untilDue(d, read, stop);
  const catalog = d.catalog.current();
  const now = d.messages.now();
  const candidates: Candidate[] = [];
  const changes: PlannedChange[] = [];
  for (const each of read) {
    const { taken: entry, message, view } = each;
    const sender = catalog.sender(message.tenant, message.sender);
    const planned = plan(view, {
      attempt: entry.entry.attempt,
      now,
      sender,
      routes: routesOf(d, sender),
      pausedUntil: (route) => paused.until(route),
      pauseMessage: (route) => paused.message(route),
    });
    if (planned.kind === 'drop') batch.settle(entry);
    else if (planned.kind === 'go' && sender !== null)
      candidates.push({ ...each, sender, route: planned.route });
    else if (planned.kind !== 'go') changes.push({ entry, change: planned.change });
  }
  const { going, held } = await throughAll(gates, inTurn(candidates));
  for (const { candidate, reason, due } of held) {
    const change = hold(candidate.view, reason, due);
    // null would mean that the delivery is not queued, but then `plan` has dropped its entry
    if (change !== null) changes.push({ entry: candidate.taken, change });
  }
  return { going, refused: await makeChanges(d, batch, changes) };
}

/** Reads the deliveries of these entries. Settles the entries whose delivery does not exist. */
async function readEntries(
  { messages }: Pick<SelectParts, 'messages'>,
  batch: Batch,
  entries: readonly TakenEntry[],
): Promise<readonly ReadEntry[]> {
  const ids = [...new Set(entries.map(({ entry }) => entry.message))];
  const found = await messages.find(ids);
  const byId = new Map(
    found.flatMap((message) => (message === null ? [] : [[message.id, message] as const])),
  );
  return entries.flatMap((taken) => {
    const message = byId.get(taken.entry.message);
    if (message?.deliveries[taken.entry.delivery] !== undefined)
      return [{ taken, message, view: viewOf(message, taken.entry.delivery) }];
    batch.settle(taken);
    return [];
  });
}

/** Waits for deliveries that are due already by the clock of the program that published them. */
async function untilDue(
  { messages, clock }: Pick<SelectParts, 'messages' | 'clock'>,
  entries: readonly ReadEntry[],
  stop: AbortSignal,
): Promise<void> {
  const now = messages.now();
  const waits = entries.map(({ view, taken }) => earlyBy(view, { attempt: taken.entry.attempt, now }));
  const waitMs = Math.max(0, ...waits);
  if (waitMs > 0) await clock.sleep(waitMs + 1, stop); // timers may be a millisecond early
}

/** Each gate sees the candidates that the gates before it admitted. */
async function throughAll(gates: readonly Gate[], candidates: readonly Candidate[]): Promise<Admitted> {
  let going = candidates;
  const held: Admitted['held'][number][] = [];
  for (const gate of gates) {
    const admitted = await gate.admit(going);
    going = admitted.going;
    held.push(...admitted.held);
  }
  return { going, held };
}

/** Settles the entries whose change was made, and returns those whose change the store refused. */
async function makeChanges(
  { messages, metrics }: Pick<SelectParts, 'messages' | 'metrics'>,
  batch: Batch,
  changes: readonly PlannedChange[],
): Promise<readonly TakenEntry[]> {
  if (changes.length === 0) return [];
  countHolds(metrics, changes);
  const versions = await messages.apply(changes.map(({ change }) => change));
  const refused: TakenEntry[] = [];
  for (const [i, { entry }] of changes.entries()) {
    if (versions[i] == null) refused.push(entry);
    else batch.settle(entry);
  }
  return refused;
}

function countHolds(metrics: SelectParts['metrics'], changes: readonly PlannedChange[]): void {
  const byReason = Map.groupBy(
    changes,
    ({ change }): HoldReason | 'none' => change.set.hold?.reason ?? 'none',
  );
  for (const [reason, held] of byReason) if (reason !== 'none') metrics.held(reason, held.length);
}
