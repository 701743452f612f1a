// Writing objects to the catalog as the current leader.

import { Failure } from '../../services/core/failure.ts';
import type { CatalogEntry, CatalogSource, CatalogWriter } from '../../services/ports/catalog-writer.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { OperatorMetrics } from './metrics.ts';

export interface CatalogAccess {
  readonly writer: CatalogWriter;
  /** Name of the cluster in the catalog. */
  readonly cluster: string;
  /** The leader's term: writes of an older term change nothing. */
  readonly term: number;
  readonly metrics: Pick<OperatorMetrics, 'published'>;
}

/**
 * `foreign`: another source owns the entry, which stays unchanged. `unavailable`: the store did not
 * accept the write; the revision published last stays.
 */
export type CatalogPublishResult =
  | {
      readonly kind: 'published';
      readonly revision: number;
      /** The catalog was changed now. */
      readonly isNew: boolean;
    }
  | { readonly kind: 'foreign' | 'unavailable' };

/**
 * Rejects with `Failure('conflict')`, code `fenced`, when a newer leader has written; this leader
 * then has to stop.
 */
export async function publish(
  parts: CatalogAccess,
  object: KubernetesObject,
  entry: CatalogEntry,
): Promise<CatalogPublishResult> {
  const { writer, metrics } = parts;
  try {
    const { kind, revision } = await writer.put(sourceOf(parts, object), entry);
    metrics.published(entry.kind, kind);
    if (kind === 'fenced')
      throw new Failure('conflict', 'a newer leader has written this object', { code: 'fenced' });
    return kind === 'foreign' ? { kind } : { kind: 'published', revision, isNew: kind !== 'unchanged' };
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'fenced') throw error;
    metrics.published(entry.kind, 'failed');
    if (error.kind !== 'unavailable' && error.kind !== 'conflict') throw error;
    return { kind: 'unavailable' };
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
  fence: { term, generation: metadata.generation ?? 0 },
});
