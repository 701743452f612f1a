// The queue: a bounded window over the deliveries in the store.

import { HOUR, MINUTE, SECOND } from './units.ts';

export const queueLimits = {
  /**
   * Timeout of a publish at accept. The publish only saves time, since the sweeper publishes what
   * is missing, so a slow queue must not delay the reply.
   */
  publishMs: 250,
  /** Entries of one lane. Further deliveries wait in the store. */
  windowPerLane: 2_000,
  /** A queued delivery without a claim for this long is published again. */
  republishMs: 60 * SECOND,
  /**
   * Lowest and highest value of `PACKETBOAT_REPUBLISH_SECONDS`. Below 5 s a delivery that merely
   * waits for its turn would get one entry after another.
   */
  republishMinMs: 5 * SECOND,
  republishMaxMs: 600 * SECOND,
  /** Publishes without a reply at the same time, per process. */
  publishInFlightMax: 256,
  /**
   * How long a process publishes nothing after a publish without a reply: further callers need not
   * wait for the timeout. The sweeper publishes their deliveries.
   */
  publishPauseMs: 1 * SECOND,
  /** Entries in one fetch, at most. */
  consumeBatch: 500,
  /** Entries that a dispatcher fetches per tier even if it wants fewer. */
  prefetchMin: 64,
  /** Fetched entries that the dispatcher has not taken for this long go back to the queue. */
  prefetchIdleMs: 1 * SECOND,
  /** How long one fetch waits for entries before the next one starts. */
  fetchMs: 5 * SECOND,
  /**
   * The queue delivers an entry again that was not acked for this long. An attempt holds its entry,
   * so the time is longer than the slowest attempt.
   */
  ackWaitMs: 15 * MINUTE,
  /** How often the queue delivers one entry. After that the sweeper publishes a new one. */
  queueDeliverMax: 10,
  /**
   * Entries delivered and not acked, per tier, over all dispatchers: so many that the entries of
   * killed dispatchers do not stop the others.
   */
  queueAckPendingMax: 100_000,
  /**
   * Age at which the queue drops an entry, which frees its place in the window. The sweeper has
   * published the delivery again long before.
   */
  queueEntryAgeMs: 6 * HOUR,
  /** Entries of the queue in memory, all lanes together: about 100 MB. */
  memoryQueueEntriesMax: 200_000,
} as const;
