// A sweeper: how often it looks and how much it takes at a time.

import { HOUR, SECOND } from './units.ts';

export const sweepLimits = {
  /**
   * Age at which a blob without a message is deleted: any accept that could still refer to the blob
   * has ended long before.
   */
  blobGraceMs: 24 * HOUR,
  /** How often the sweeper looks for deliveries to wake up. */
  sweepEveryMs: 1 * SECOND,
  /**
   * How often the sweeper looks while a backlog waits for room in its window: one fast dispatcher
   * empties a full window in less than a second.
   */
  feedEveryMs: 250,
  /** Deliveries that one look takes from the store. */
  sweepBatch: 500,
  /** A queued delivery that is due for this long is a backlog, which new mail does not overtake. */
  backlogSeenMs: 2 * SECOND,
  /** Entries of one backlog that are published at a time: also how many a full window refuses. */
  feedBatch: 100,
  /**
   * How often a sweeper looks whether a draining sender still has unfinished mail. Also how long a
   * request may take that an ingest accepted just before it read that the sender is retired.
   */
  drainLookMs: 5 * SECOND,
  /** How often blobs without a message are looked for. */
  sweepBlobsEveryMs: 1 * HOUR,
  /** How often queued deliveries are counted, for the metric that autoscaling reads. */
  countQueuedEveryMs: 10 * SECOND,
  /** Where that count stops: more would not need more dispatchers. */
  countQueuedMax: 50_000,
  /**
   * Messages that MongoDB returns when it is asked for the longest due delivery. The index sorts
   * them, and the first is usually the right one.
   */
  oldestDueMessages: 20,
} as const;
