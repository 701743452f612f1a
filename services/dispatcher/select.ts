// Which entries of a batch can go now. Entries that are outdated are settled; deliveries that end
// or wait are changed in the store first, and their entries settled then (R3).

import { type Change, type HoldReason, hold } from '../core/delivery/delivery.ts';
import { type Message, viewOf } from '../core/delivery/message.ts';
import { earlyBy, plan } from '../core/delivery/plan.ts';
import type { TakenEntry } from '../ports/work-queue.ts';
import type { Batch } from './batch.ts';
import { type Admitted, type Candidate, type Gate, inTurn } from './candidate.ts';
import { type Dispatcher, routesOf } from './dispatcher.ts';
import type { PausedRoutes } from './paused-routes.ts';

export type SelectParts = Pick<Dispatcher, 'messages' | 'catalog' | 'clock' | 'metrics' | 'relay'>;

/**
 * A decision that the store refuses is made anew about what the store has now: mostly the sweeper
 * has only noted that it published the very entry in hand. A delivery that others change this often
 * is left to a later entry.
 */
export const ROUNDS = 3;

interface Selection {
  readonly going: readonly Candidate[];
  /** Entries whose change the store refused. */
  readonly refused: readonly TakenEntry[];
}

/**
 * Answers the candidates that every gate admits, in the order of the gates. Rejects when the store fails.
 * @param stop no waiting for clocks to agree any more
 */
export async function select(
  d: SelectParts,
  batch: Batch,
  {
    gates,
    paused,
    stop,
  }: { readonly gates: readonly Gate[]; readonly paused: PausedRoutes; readonly stop: AbortSignal },
): Promise<readonly Candidate[]> {
  const going: Candidate[] = [];
  let left = batch.entries;
  for (let round = 1; round <= ROUNDS && left.length > 0; round++) {
    const selection = await selectOnce(d, batch, left, { gates, paused, stop });
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
  {
    gates,
    paused,
    stop,
  }: { readonly gates: readonly Gate[]; readonly paused: PausedRoutes; readonly stop: AbortSignal },
): Promise<Selection> {
  const messages = await read(d, entries);
  await untilDue(d, entries, messages, stop);
  const catalog = d.catalog.current();
  const now = d.messages.now();
  const candidates: Candidate[] = [];
  const changed: { readonly entry: TakenEntry; readonly change: Change }[] = [];
  for (const entry of entries) {
    const { message: id, delivery, attempt } = entry.entry;
    const message = messages.get(id);
    if (message?.deliveries[delivery] === undefined) {
      batch.settle(entry);
      continue;
    }
    const sender = catalog.sender(message.tenant, message.sender);
    const planned = plan(viewOf(message, delivery), {
      attempt,
      now,
      sender,
      routes: routesOf(d, sender),
      pausedUntil: (route) => paused.until(route),
      pauseMessage: (route) => paused.message(route),
    });
    if (planned.kind === 'drop') batch.settle(entry);
    else if (planned.kind === 'go' && sender !== null)
      candidates.push({ taken: entry, message, sender, route: planned.route });
    else if (planned.kind !== 'go') changed.push({ entry, change: planned.change });
  }
  const { going, held } = await throughAll(gates, inTurn(candidates));
  for (const { candidate, reason, due } of held) {
    const change = hold(viewOf(candidate.message, candidate.taken.entry.delivery), reason, due);
    if (change !== null) changed.push({ entry: candidate.taken, change }); // null: not queued, and `plan` has seen to that
  }
  countHolds(d, changed);
  const versions = changed.length === 0 ? [] : await d.messages.apply(changed.map((c) => c.change));
  const refused = changed.flatMap(({ entry }, i) => (versions[i] == null ? [entry] : []));
  for (const [i, { entry }] of changed.entries()) if (versions[i] != null) batch.settle(entry);
  return { going, refused };
}

async function read(
  d: Pick<SelectParts, 'messages'>,
  entries: readonly TakenEntry[],
): Promise<ReadonlyMap<Message['id'], Message>> {
  const ids = [...new Set(entries.map((t) => t.entry.message))];
  return new Map((await d.messages.find(ids)).flatMap((m) => (m === null ? [] : [[m.id, m] as const])));
}

/** Waits for deliveries that the clock of the publisher thinks due already. */
async function untilDue(
  d: Pick<SelectParts, 'messages' | 'clock'>,
  entries: readonly TakenEntry[],
  messages: ReadonlyMap<Message['id'], Message>,
  stop: AbortSignal,
): Promise<void> {
  const now = d.messages.now();
  const waits = entries.map(({ entry: { message: id, delivery, attempt } }) => {
    const message = messages.get(id);
    return message?.deliveries[delivery] === undefined
      ? 0
      : earlyBy(viewOf(message, delivery), { attempt, now });
  });
  const waitMs = Math.max(0, ...waits);
  if (waitMs > 0) await d.clock.sleep(waitMs + 1, stop); // timers may be a millisecond early
}

/** Each gate sees what the gates before it let through. */
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

function countHolds(d: Pick<SelectParts, 'metrics'>, changed: readonly { readonly change: Change }[]): void {
  const reasons = Map.groupBy(
    changed,
    ({ change }): HoldReason | 'none' => change.set.hold?.reason ?? 'none',
  );
  for (const [reason, of] of reasons) if (reason !== 'none') d.metrics.held(reason, of.length);
}
