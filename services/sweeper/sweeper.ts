// What a sweeper works with.

import type { BlobStore } from '../ports/blob-store.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { DueDeliveries } from '../ports/due-deliveries.ts';
import type { MessageStore } from '../ports/message-store.ts';
import type { Random } from '../ports/random.ts';
import type { WorkQueue } from '../ports/work-queue.ts';

/** What is counted; `runtime/metrics.ts` declares where it goes. */
interface SweeperMetrics {
  /** `lapsed`, `due`, `ended`, `published` deliveries, `blobs` deleted. */
  swept(what: 'lapsed' | 'due' | 'ended' | 'published' | 'blobs', count: number): void;
  /** How many deliveries are queued; `sweepLimits.countQueuedMax` when there are more. */
  backlog(count: number): void;
  /**
   * How long the delivery that nothing holds has been due for the longest time; 0 when there is
   * none.
   */
  oldestSendable(ageMs: number): void;
}

export interface Sweeper {
  readonly messages: MessageStore & DueDeliveries;
  readonly blobs: BlobStore;
  readonly queue: WorkQueue;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * After a lease that ran out, how long its delivery waits; `deliveryLimits.lapseDelayMs` unless
   * told.
   */
  readonly lapseDelayMs?: number;
  /**
   * After how long an entry that nobody claimed is published again; `queueLimits.republishMs`
   * unless told.
   */
  readonly republishMs?: number;
  readonly metrics: SweeperMetrics;
  /** Told of failures of ours, with their causes. */
  readonly report: (what: string, error: unknown) => void;
}
