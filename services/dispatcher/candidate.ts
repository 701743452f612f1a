// The stages of an entry on its way through the dispatcher: what was read about it, the candidate
// that the plan makes of it, and what a gate decides about candidates.

import type { Route, Sender } from '../core/catalog/catalog.ts';
import type { DeliveryView, HoldReason } from '../core/delivery/delivery.ts';
import type { Message } from '../core/delivery/message.ts';
import type { TakenEntry } from '../ports/work-queue.ts';

/** An entry with its delivery as the store has it. The view is built once for all rules. */
export interface ReadEntry {
  readonly taken: TakenEntry;
  readonly message: Message;
  readonly view: DeliveryView;
}

/** An entry whose delivery may go now, with the sender and the route that the plan chose. */
export interface Candidate extends ReadEntry {
  readonly sender: Sender;
  readonly route: Route;
}

/** A candidate that a gate did not admit. */
export interface HeldBack {
  readonly candidate: Candidate;
  readonly reason: HoldReason;
  /** When the delivery may be planned again, in milliseconds since 1970 by the store's clock. */
  readonly due: number;
}

export interface Admitted {
  readonly going: readonly Candidate[];
  readonly held: readonly HeldBack[];
}

/** Decides which candidates may go now: the room of their routes, the budgets of their senders. */
export interface Gate {
  /**
   * Returns every candidate once, as going or as held. Keeps their order among those that go.
   * Rejects when a port fails.
   */
  admit(candidates: readonly Candidate[]): Promise<Admitted>;
}

/**
 * The delivery was held before, for its sender's budget or its route, so it goes before newer mail
 * (P9).
 */
export function hasWaited({ view }: Candidate): boolean {
  const reason = view.delivery.hold?.reason;
  return reason === 'budget' || reason === 'route';
}

/**
 * Candidates that have waited come first, in the order of their acceptance; then the others, in the
 * order in which they were taken.
 */
export function inTurn(candidates: readonly Candidate[]): readonly Candidate[] {
  const { waited = [], fresh = [] } = Object.groupBy(candidates, (c) => (hasWaited(c) ? 'waited' : 'fresh'));
  return [...waited.toSorted(byAcceptance), ...fresh];
}

const byAcceptance = (a: Candidate, b: Candidate): number =>
  a.message.createdAt - b.message.createdAt ||
  (a.message.id < b.message.id ? -1 : a.message.id > b.message.id ? 1 : 0) ||
  a.view.index - b.view.index;
