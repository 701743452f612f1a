// The metrics that an operator reports about its work.

import type { WriteResult } from '../../services/ports/catalog-writer.ts';
import type { RetryQueueMetrics } from '../kubernetes/retry-queue.ts';

export interface OperatorMetrics {
  readonly senders: RetryQueueMetrics;
  readonly templates: RetryQueueMetrics;
  /** Number of objects of a kind by the status of their condition Ready. */
  ready(kind: string, status: 'True' | 'False' | 'Unknown', count: number): void;
  /** Number of catalog entries that are not retired because too many objects are missing at once. */
  retirementsHeld(count: number): void;
  /** Whether the operator can list a namespace; `*`: all. Null: this operator does not watch it. */
  namespaceUsable(namespace: string, isUsable: boolean | null): void;
  /** Result of one write to the catalog. */
  published(kind: string, result: WriteResult['kind'] | 'failed'): void;
  /** Records that the API server has just sent something about the kind. */
  contact(kind: string): void;
}
