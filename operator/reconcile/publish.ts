// Writing objects to the catalog as the current leader.

import { Failure } from '../../services/core/failure.ts';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { CatalogEntry, CatalogSource, CatalogWriter } from '../../services/ports/catalog-writer.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { StoreWatch } from './store-watch.ts';

export interface CatalogAccess {
  readonly writer: CatalogWriter;
  /** Name of the cluster in the catalog. */
  readonly cluster: string;
  /** The leader's term: writes of an older term change nothing. */
  readonly term: number;
  readonly metrics: Pick<OperatorMetrics, 'published'>;
  readonly store: Pick<StoreWatch, 'isDown'>;
}

/**
 * `foreign`: another source owns the entry, which stays unchanged. `draining`: a deleted Sender of
 * this name has another domain and still drains. `unavailable`: the store did not
 * accept the write; the revision published last stays. `retryMs` null: every object is visited when
 * the store is reachable again.
 */
export type CatalogPublishResult =
  | {
      readonly kind: 'published';
      readonly revision: number;
      /** The catalog was changed now. */
      readonly isNew: boolean;
    }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'unavailable'; readonly retryMs: number | null };

/**
 * Rejects with `Failure('conflict')`, code `fenced`, when a newer leader has written; this leader
 * then has to stop.
 */
export async function publish(
  parts: CatalogAccess,
  object: KubernetesObject,
  entry: CatalogEntry,
): Promise<CatalogPublishResult> {
  const { writer, metrics, store } = parts;
  // a write would wait for its timeout, and with thousands of objects each would wait in turn
  if (store.isDown) {
    metrics.published(entry.kind, 'failed');
    return { kind: 'unavailable', retryMs: null };
  }
  try {
    const { kind, revision } = await writer.put(sourceOf(parts, object), entry);
    metrics.published(entry.kind, kind);
    if (kind === 'fenced')
      throw new Failure('conflict', 'a newer leader has written this object', { code: 'fenced' });
    if (kind === 'foreign' || kind === 'draining') return { kind };
    return { kind: 'published', revision, isNew: kind !== 'unchanged' };
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'fenced') throw error;
    metrics.published(entry.kind, 'failed');
    if (error.kind !== 'unavailable' && error.kind !== 'conflict') throw error;
    return { kind: 'unavailable', retryMs: operatorLimits.reconcileStoreRetryMs };
  }
}

/** The source of a write: this cluster, the object and the term. */
export const sourceOf = (
  { cluster, term }: Pick<CatalogAccess, 'cluster' | 'term'>,
  { metadata }: KubernetesObject,
): CatalogSource => ({
  kind: 'operator',
  name: cluster,
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  ...(metadata.resourceVersion === undefined ? {} : { version: metadata.resourceVersion }),
  fence: { term, generation: metadata.generation ?? 0 },
});
