// Stores: calls, bulks, clocks and connections.

import { MIB, SECOND } from './units.ts';

export const storeLimits = {
  storeCallMs: 10 * SECOND,
  /** For readiness: a lost store is named within 5 s (P20). */
  storeCheckMs: 2 * SECOND,
  /**
   * How often the offset of the store's clock is measured; quartz drifts by less than 3 ms in this
   * time.
   */
  storeClockEveryMs: 30 * SECOND,
  /**
   * Asked this often at start, of which the quickest answer counts: the first one, over a new
   * connection, may be off by half of a slow round trip.
   */
  storeClockFirstAsks: 5,
  /** Items of several callers that go to the store as one bulk. */
  storeBulkItemsMax: 500,
  /**
   * Bulks of one kind under way at a time, per program: one is being made durable while the next is
   * on its way.
   */
  storeBulksMax: 2,
  storeConnectionsMax: 50,
  /** Jobs that wait for SQLite's thread. More means that it is stuck, and callers are told so. */
  sqliteJobsMax: 10_000,
  /**
   * Jobs that share one transaction: enough to divide the cost of its sync, few enough that none
   * waits long for the others.
   */
  sqliteGroupJobsMax: 256,
  /** One piece of a blob; a store's document is far larger than that, a process holds a few. */
  blobChunkBytes: 1 * MIB,
} as const;
