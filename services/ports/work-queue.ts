// The queue: a bounded window over the store that carries ids. It may lose or repeat any entry; the
// sweeper and the claim make both harmless.

import type { Lane } from '../core/delivery/pacing/lane.ts';
import type { MessageId } from '../core/ids.ts';

/** A reference to one delivery. */
export interface Entry {
  readonly message: MessageId;
  /** Index of the delivery in its message. */
  readonly delivery: number;
  /** Number of the attempt: an entry about an earlier attempt is outdated. */
  readonly attempt: number;
  /**
   * The recipient's domain as A-label. Will be read by a dispatcher that paces mail per destination
   * and so must know the destination of an entry before it reads the message.
   */
  readonly domain: string;
  /** W3C `traceparent`, or null. */
  readonly trace: string | null;
}

/** An entry and the lane of its delivery. */
export interface NewEntry extends Lane {
  readonly entry: Entry;
}

/**
 * `full`: the window of this lane holds `queueLimits.windowPerLane` entries.
 * `lost`: the queue did not reply in time; the entry may be in the queue.
 */
export type PublishResult = 'published' | 'full' | 'lost';

/**
 * The lane is here although a dispatcher reads its fields from the message: a test sees by the lane
 * whose turn it was.
 */
export interface TakenEntry extends Lane {
  readonly entry: Entry;
  /**
   * Removes the entry from the queue, once the outcome of its delivery is stored. Without an ack
   * the queue delivers the entry again after `queueLimits.ackWaitMs`. Never throws; an ack may be
   * lost.
   */
  ack(): void;
  /** Returns the entry, so that another taker gets it at once: for a shutdown. Never throws. */
  giveBack(): void;
}

export interface WorkQueue extends AsyncDisposable {
  /**
   * Publishes entries, in their order within a lane. Resolves within
   * `queueLimits.publishMs` whatever the queue does, with one result per entry in the order given.
   * Never rejects.
   */
  publish(entries: readonly NewEntry[]): Promise<readonly PublishResult[]>;

  /**
   * Waits for at least one entry, then returns up to `max`; returns none once the signal aborts.
   * While several tiers have entries, each gets its share (high 6, normal 3, bulk 1). Entries of
   * one lane are returned in the order of publication. The tenants of a tier take turns, and the
   * senders of a tenant, as far as the adapter has their entries in memory. Waits on while the
   * queue is unreachable.
   */
  take(max: number, signal: AbortSignal): Promise<readonly TakenEntry[]>;

  /** Resolves when the queue replies; rejects with the reason. For readiness. */
  check(): Promise<void>;
}
