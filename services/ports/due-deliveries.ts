// The sweeper's queries: deliveries by the time at which they need attention. Ingest also reads the
// backlogs, so that a new message does not overtake older ones.

import type { DeliveryState } from '../core/delivery/delivery.ts';
import type { Message } from '../core/delivery/message.ts';
import type { Lane } from '../core/delivery/pacing/lane.ts';

/** The message as stored, and the index of the delivery that is due. */
export interface DueDelivery {
  readonly message: Message;
  readonly delivery: number;
}

/**
 * All times are milliseconds since 1970 by the store's clock. All calls reject with
 * `Failure('unavailable')` when the store does not reply within `storeLimits.storeCallMs`.
 */
export interface DueDeliveries {
  /**
   * Measures the store's clock, so that `now` does not show the time before a step. A sweeper calls
   * this before it takes back leases. Resolves at once where this process keeps the store's clock.
   */
  measureClock(): Promise<void>;

  /**
   * Deliveries in one of these states whose `wakeAt` is at or before the given time, oldest first
   * as far as the store's indexes allow.
   */
  woken(
    states: readonly Exclude<DeliveryState, 'queued'>[],
    before: number,
    limit: number,
  ): Promise<readonly DueDelivery[]>;

  /**
   * The lanes that have a backlog: queued deliveries whose `wakeAt` has passed. Costs in proportion
   * to the number of lanes with queued deliveries, not to their lengths.
   */
  backlogs(before: number): Promise<readonly Lane[]>;

  /**
   * The oldest queued deliveries of one lane whose `wakeAt` has passed, in order of acceptance.
   */
  unpublished(lane: Lane, before: number, limit: number): Promise<readonly DueDelivery[]>;

  /**
   * Returns the number of queued deliveries, published or not. Counts up to `limit`, which bounds
   * the cost.
   */
  countQueued(limit: number): Promise<number>;

  /**
   * The earliest `due`, at or before the given time, of the deliveries that are queued, deferred or
   * scheduled without a hold; null when there is none. Reads one entry of an index if
   * the store has indexes.
   */
  oldestDue(before: number): Promise<number | null>;
}
