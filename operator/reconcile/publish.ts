// Writing an object to the catalog, and what that makes of its condition Published.

import { Failure } from '../../services/core/failure.ts';
import type { CatalogEntry } from '../../services/ports/catalog-writer.ts';
import type { SenderStatus } from '../api/v1alpha1/status.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import { type Judged, timeText } from './conditions.ts';
import { type Context, sourceOf } from './context.ts';

export interface Publication {
  readonly judged: Judged;
  /** Null: what is in the catalog is not this. */
  readonly revision: number | null;
  /** True when the catalog was changed now. */
  readonly isNew: boolean;
  /** Another source has it, whom we do not touch. */
  readonly isForeign: boolean;
}

/** Rejects with `Failure('conflict')`, code `fenced`, when a newer leader has written: then this one has to stop. */
export async function publish(context: Context, object: KubernetesObject, entry: CatalogEntry): Promise<Publication> {
  try {
    const { kind, revision } = await context.writer.put(sourceOf(context, object), entry);
    context.metrics.published(entry.kind, kind);
    if (kind === 'fenced') throw new Failure('conflict', 'a newer leader has written this object', { code: 'fenced' });
    if (kind === 'foreign') {
      const message = 'the catalog has one of this name from another source, which is not touched';
      return {
        judged: { type: 'Published', status: 'Unknown', reason: 'Pending', message },
        revision: null,
        isNew: false,
        isForeign: true,
      };
    }
    const judged = { type: 'Published', status: 'True', reason: 'Published', message: `revision ${revision} is in the catalog` } as const;
    return { judged, revision, isNew: kind !== 'unchanged', isForeign: false };
  } catch (error) {
    if (!(error instanceof Failure) || error.code === 'fenced') throw error;
    context.metrics.published(entry.kind, 'failed');
    if (error.kind !== 'unavailable' && error.kind !== 'conflict') throw error;
    const message = 'the catalog cannot be written now; what was published last stays';
    const judged = { type: 'Published', status: 'False', reason: 'StoreUnavailable', message } as const;
    return { judged, revision: null, isNew: false, isForeign: false };
  }
}

/** What a status says of the catalog, whatever the kind. */
export type Published = Pick<SenderStatus, 'revision' | 'configHash' | 'publishedTime'>;

/** What stays live while an object has faults, or cannot be written. */
export function publishedBefore({ revision, configHash, publishedTime: time }: Published = {}): Published {
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(configHash === undefined ? {} : { configHash }),
    ...(time === undefined ? {} : { publishedTime: time }),
  };
}

/** Now, if something new was published, or nobody knows when the old was. */
export const publishedTime = ({ clock }: Context, before: Published | undefined, isNew: boolean): string =>
  isNew || before?.publishedTime === undefined ? timeText(clock.now()) : before.publishedTime;
