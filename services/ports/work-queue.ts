// The queue: a bounded window over the store that carries ids. It may lose everything and repeat
// anything; the claim makes both harmless.

import type { Tier } from '../core/delivery/message.ts';
import type { MessageId } from '../core/ids.ts';

/** One delivery's turn. `attempt` makes an entry about an earlier attempt recognizable. */
export interface Entry {
  readonly message: MessageId;
  readonly delivery: number;
  readonly attempt: number;
  /** The recipient's domain, as a hint for pacing. */
  readonly domain: string;
  /** W3C `traceparent`, or null. */
  readonly trace: string | null;
}

export interface NewEntry {
  readonly tenant: string;
  readonly tier: Tier;
  readonly entry: Entry;
}

/**
 * `full`: this tenant's window in this tier holds `queueLimits.windowPerTenantAndTier` entries.
 * `lost`: no answer in time; it may be in the queue.
 */
export type PublishResult = 'published' | 'full' | 'lost';

export interface TakenEntry {
  readonly tenant: string;
  readonly tier: Tier;
  readonly entry: Entry;
  /**
   * Once what became of it is stored. Without it the entry comes again after
   * `queueLimits.ackWaitMs`. Never throws; an ack may be lost.
   */
  ack(): void;
  /** Gives it back to be taken at once by another: for a shutdown. Never throws. */
  giveBack(): void;
}

export interface WorkQueue extends AsyncDisposable {
  /**
   * Settles within `queueLimits.publishMs` whatever the queue does, and never rejects; answers in
   * the order given. Keeps the order per tenant and tier.
   */
  publish(publications: readonly NewEntry[]): Promise<readonly PublishResult[]>;

  /**
   * Up to `max` entries, waiting until there is at least one; empty once the signal aborts. While
   * several tiers have entries, each gets its share (high 6, normal 3, bulk 1). Entries of one
   * tenant and tier come in the order of publication; among tenants of a tier the queue takes turns
   * as far as it has their entries at hand. Keeps waiting while the queue is away.
   */
  take(max: number, signal: AbortSignal): Promise<readonly TakenEntry[]>;

  /** Resolves when the queue answers; rejects with the reason. For readiness. */
  check(): Promise<void>;
}
