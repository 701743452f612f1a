// A sweeper: how often it looks, and how much it takes at a time.

import { HOUR, SECOND } from './units.ts';

export const sweepLimits = {
  /**
   * Unreferenced blobs are swept after this: long after any accept that could still refer to them
   * has ended.
   */
  blobGraceMs: 24 * HOUR,
  sweepEveryMs: 1 * SECOND,
  /**
   * Instead of `sweepEveryMs` while a backlog waits for room in its window: a full window lasts one
   * fast dispatcher less than a second.
   */
  feedEveryMs: 250,
  sweepBatch: 500,
  /**
   * Queued mail that the sweepers have not fed for this long is a backlog, which new mail does not
   * overtake.
   */
  backlogSeenMs: 2 * SECOND,
  /**
   * Entries published at a time from one backlog: also what is refused in vain once its window is
   * full.
   */
  feedBatch: 100,
  sweepBlobsEveryMs: 1 * HOUR,
  /**
   * How often the deliveries that are queued are counted, and how far: more than that calls for no
   * more dispatchers.
   */
  countQueuedEveryMs: 10 * SECOND,
  countQueuedMax: 50_000,
  /**
   * Messages of a state that MongoDB answers when it is asked which is due for the longest time.
   * With the index, the first is the one.
   */
  oldestDueMessages: 20,
} as const;
