// What a sweeper works with (`Sweeper`): stores, queue, clock, metrics. Each function takes the
// parts that it uses. `sweep.ts` has the loop.

import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { DrainingSenders } from '../ports/draining-senders.ts';
import type { DueDeliveries } from '../ports/due-deliveries.ts';
import type { MessageList } from '../ports/message-list.ts';
import type { MessageStore } from '../ports/message-store.ts';
import type { Random } from '../ports/random.ts';
import type { WorkQueue } from '../ports/work-queue.ts';

/** The counters; `runtime/metrics.ts` declares the metrics. */
interface SweeperMetrics {
  /** `lapsed`, `due`, `ended`, `published` deliveries, `blobs` deleted. */
  swept(what: 'lapsed' | 'due' | 'ended' | 'published' | 'blobs', count: number): void;
  /** How many deliveries are queued; `sweepLimits.countQueuedMax` when there are more. */
  backlog(count: number): void;
  /** For how long the oldest delivery without a hold has been due; 0 when there is none. */
  oldestSendable(ageMs: number): void;
  /** How many retired senders still deliver their accepted mail. */
  drainingSenders(count: number): void;
}

export interface Sweeper {
  readonly messages: MessageStore & DueDeliveries & MessageList;
  readonly blobs: BlobStore;
  readonly queue: WorkQueue;
  readonly catalog: Catalog;
  readonly drainingSenders: DrainingSenders;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * The length of a dispatcher's lease: for how long no lease is taken back after the store's clock
   * stepped. Default: `deliveryLimits.leaseMs`.
   */
  readonly leaseMs?: number;
  /** How long a delivery waits after its lease ran out. Default: `deliveryLimits.lapseDelayMs`. */
  readonly lapseDelayMs?: number;
  /**
   * After how long an entry that no dispatcher claimed is published again. Default:
   * `queueLimits.republishMs`.
   */
  readonly republishMs?: number;
  readonly metrics: SweeperMetrics;
  /** Logs a failure of this program, with its cause. */
  readonly report: (what: string, error: unknown) => void;
}
