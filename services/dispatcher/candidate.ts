// An entry whose delivery may go now, with the sender and the route that the plan chose for it; and
// what a gate answers about candidates.

import type { Route, Sender } from '../core/catalog/catalog.ts';
import type { HoldReason } from '../core/delivery/delivery.ts';
import type { Message } from '../core/delivery/message.ts';
import type { TakenEntry } from '../ports/work-queue.ts';

export interface Candidate {
  readonly taken: TakenEntry;
  readonly message: Message;
  readonly sender: Sender;
  readonly route: Route;
}

/** A candidate that a gate did not let through. */
export interface HeldBack {
  readonly candidate: Candidate;
  readonly reason: HoldReason;
  /** When the delivery may be looked at again, by the store's clock. */
  readonly due: number;
}

export interface Admitted {
  readonly going: readonly Candidate[];
  readonly held: readonly HeldBack[];
}

/** Decides which candidates may go now: the room of their routes, the budgets of their senders. */
export interface Gate {
  /**
   * Answers every candidate once, as going or as held. Keeps their order among those that go.
   * Rejects when a port fails.
   */
  admit(candidates: readonly Candidate[]): Promise<Admitted>;
}

/**
 * The delivery was held before, for its sender's budget or its route, and so goes before newer mail
 * (P9).
 */
export function hasWaited({ message, taken }: Candidate): boolean {
  const reason = message.deliveries[taken.entry.delivery]?.hold?.reason;
  return reason === 'budget' || reason === 'route';
}

/**
 * Candidates that have waited first, in the order of their acceptance; the others in the order in
 * which they came.
 */
export function inTurn(candidates: readonly Candidate[]): readonly Candidate[] {
  const { waited = [], fresh = [] } = Object.groupBy(candidates, (c) => (hasWaited(c) ? 'waited' : 'fresh'));
  return [...waited.toSorted(byAcceptance), ...fresh];
}

const byAcceptance = (a: Candidate, b: Candidate): number =>
  a.message.createdAt - b.message.createdAt ||
  (a.message.id < b.message.id ? -1 : a.message.id > b.message.id ? 1 : 0) ||
  a.taken.entry.delivery - b.taken.entry.delivery;
