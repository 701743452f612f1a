// Stores: timeouts, bulks, the store's clock and SQLite's thread.

import { MIB, MINUTE, SECOND } from './units.ts';

export const storeLimits = {
  /** Timeout of one call to the store. */
  storeCallMs: 10 * SECOND,
  /** Timeout of the readiness check, so that a lost store is named within 5 s (P20). */
  storeCheckMs: 2 * SECOND,
  /**
   * How often the offset of the store's clock is measured. Quartz drifts by less than 3 ms
   * meanwhile.
   */
  storeClockEveryMs: 30 * SECOND,
  /**
   * Measurements at start, of which the quickest counts: the first one, over a new connection, can
   * be wrong by half of a slow round trip.
   */
  storeClockFirstAsks: 5,
  /**
   * How fast the clock of an embedded store slews towards the wall clock: waits between attempts
   * are at most a tenth longer or shorter meanwhile.
   */
  storeClockSlewShare: 0.1,
  /** By how much the wall clock has to be ahead for a step. Slewing corrects less within 10 s. */
  storeClockStepMs: 1 * SECOND,
  /**
   * How long the wall clock has to stay ahead until an embedded store's clock follows in one step:
   * a wrong time from NTP or an administrator is usually corrected sooner.
   */
  storeClockStepLastsMs: 1 * MINUTE,
  /** Shorter suspensions are left to slewing: some systems report the uptime in whole seconds. */
  storeClockSuspendedMinMs: 2 * SECOND,
  /** Items of several callers in one bulk write. */
  storeBulkItemsMax: 500,
  /** Bulks of one kind in flight, per program: one is being synced while the next one is sent. */
  storeBulksMax: 2,
  /** Connections of one program to MongoDB. */
  storeConnectionsMax: 50,
  /**
   * Jobs that wait for SQLite's thread. With more the thread is stuck, and callers get an error.
   */
  sqliteJobsMax: 10_000,
  /** Bytes of SQLite's write-ahead log that are kept after a checkpoint. */
  sqliteLogBytes: 64 * MIB,
  /**
   * Jobs in one SQLite transaction: many share the cost of a sync, and none waits long for the
   * others.
   */
  sqliteGroupJobsMax: 256,
  /** Bytes of one chunk of a blob: far below the 16 MiB of a MongoDB document. */
  blobChunkBytes: 1 * MIB,
} as const;
