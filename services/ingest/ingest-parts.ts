// What ingest works with (`Ingest`): its stores, queue, catalog, clock and caches. Each function
// takes the parts that it uses. `receive-calls.ts` is where calls come in.

import type { Key } from '../core/secrets/keyring.ts';
import type { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { RequestId } from '../core/trace.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Budgets } from '../ports/budgets.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyStore } from '../ports/key-store.ts';
import type { MessageList } from '../ports/message-list.ts';
import type { MessageStore } from '../ports/message-store.ts';
import type { Random } from '../ports/random.ts';
import type { SuppressionStore } from '../ports/suppression-store.ts';
import type { WorkQueue } from '../ports/work-queue.ts';
import type { Backlogs } from './backlogs.ts';
import type { FailedAuthentications } from './failed-authentications.ts';
import type { KeyCache } from './key-cache.ts';

export interface Ingest {
  readonly messages: MessageStore & MessageList;
  readonly blobs: BlobStore;
  readonly suppressions: SuppressionStore;
  readonly keys: KeyStore;
  readonly queue: WorkQueue;
  readonly budgets: Budgets;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly random: Random;
  /** The active key first, then earlier keys of a rotation. */
  readonly hashKeys: { readonly suppression: readonly Key[]; readonly cursor: readonly Key[] };
  readonly keyCache: KeyCache;
  readonly failedAuthentications: FailedAuthentications;
  readonly backlogs: Backlogs;
  readonly templates: CompiledTemplates;
  /**
   * A queued delivery without a claim for this long is published again. Default:
   * `queueLimits.republishMs`.
   */
  readonly republishMs?: number;
  /**
   * Logs an internal failure with its causes, which callers never see. The response has the same
   * `requestId`, which is absent when the failure concerns no single request.
   */
  readonly report: (what: string, error: unknown, requestId?: RequestId | null) => void;
}
