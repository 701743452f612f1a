// The queue: a bounded window over the store.

import { HOUR, MINUTE, SECOND } from './units.ts';

export const queueLimits = {
  /** The publish at accept is a hint for speed; a slow queue must not slow the answer. */
  publishMs: 250,
  windowPerTenantAndTier: 2_000,
  /** A queued delivery that nobody claimed for this long is published again. */
  republishMs: 60 * SECOND,
  /**
   * What `PACKETBOAT_REPUBLISH_SECONDS` may ask for: sooner, and mail that only waits for its turn
   * gets entry after entry.
   */
  republishMinMs: 5 * SECOND,
  republishMaxMs: 600 * SECOND,
  /** Publications that may wait for their answer at a time, per process. */
  publishInFlightMax: 256,
  /**
   * After a publish that the queue left without any answer, how long nothing is published: callers
   * must not wait in vain one by one.
   */
  publishPauseMs: 1 * SECOND,
  consumeBatch: 500,
  /**
   * Entries that a dispatcher fetches per tier when it asks for few; when it asks for more, as many
   * as it asks for.
   */
  prefetchMin: 64,
  /** Entries that a dispatcher has fetched and not asked for in this time go back to the others. */
  prefetchIdleMs: 1 * SECOND,
  /** How long one fetch waits for entries before it is made anew. */
  fetchMs: 5 * SECOND,
  ackWaitMs: 15 * MINUTE,
  queueDeliverMax: 10,
  /**
   * Taken and not acked, per tier, all dispatchers together: the entries of many killed ones, so
   * that they do not stop the living.
   */
  queueAckPendingMax: 100_000,
  /**
   * An entry this old is dropped and its place in the window is free again; the sweeper has long
   * published its delivery anew.
   */
  queueEntryAgeMs: 6 * HOUR,
  /** In one process: entries of all tenants and tiers together, about 100 MB. */
  memoryQueueEntriesMax: 200_000,
} as const;
