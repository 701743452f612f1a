// The documents of the catalog in MongoDB: one for each object, removed ones included, and one for
// each revision of a template, which never changes. Content that people wrote is stored as JSON
// text, because its keys must not become field names.

import type { Collection } from 'mongodb';
import type { Sender } from '../../core/catalog/catalog.ts';
import type { StoredObject } from '../../core/catalog/catalog-write.ts';
import { openSender, type SealedSender } from '../../core/catalog/sealed-sender.ts';
import { ensureIndexes, type Mongo } from './connection.ts';

export interface ObjectDocument {
  /** `sender/<tenant>/<name>` or `template/<tenant>/<identifier>`. */
  readonly _id: string;
  readonly tenant: string;
  readonly name: string;
  readonly revision: number;
  readonly hash: string;
  /**
   * Removed objects stay, without content, so that their revision numbers and fences stay known.
   */
  readonly state: StoredObject['state'];
  /** When the sender was retired, by the store's clock; null unless it is draining. */
  readonly retiredAt: number | null;
  /** False while a sender is suspended or not verified. */
  readonly sendable: boolean;
  /**
   * The content of a sender; null for a template, whose content is in its revisions, and for a
   * removed object.
   */
  readonly config: string | null;
  readonly sealed: SealedSender['sealed'];
  readonly source: {
    readonly kind: string;
    readonly name: string;
    readonly uid?: string;
    readonly namespace?: string;
    readonly version?: string;
  };
  readonly fence: { readonly term: number; readonly generation: number };
  /** Counts the writes of this document. A write compares it. */
  readonly writes: number;
  /**
   * Time of the last change that readers see, in milliseconds since 1970 by the store's clock as
   * the writer knew it, and always later than that of the change before.
   */
  readonly updatedAt: number;
}

interface RevisionDocument {
  /** `template/<tenant>/<identifier>@<revision>`. */
  readonly _id: string;
  readonly hash: string;
  readonly config: string;
}

export interface CatalogCollections {
  readonly objects: Collection<ObjectDocument>;
  readonly revisions: Collection<RevisionDocument>;
}

export async function openCatalogCollections(mongo: Mongo): Promise<CatalogCollections> {
  const objects = mongo.db.collection<ObjectDocument>('catalog');
  await ensureIndexes(mongo, objects, [
    { name: 'changes', key: { updatedAt: 1 } },
    { name: 'draining', key: { retiredAt: 1 } },
  ]);
  return { objects, revisions: mongo.db.collection<RevisionDocument>('revisions') };
}

export const revisionId = (key: string, revision: number): string => `${key}@${revision}`;

export const toStoredObject = ({ source, fence, hash, state, config }: ObjectDocument): StoredObject => ({
  ...{ source, fence, hash, state },
  domain: domainOf(config),
});

/**
 * The domain of a sender's configuration; null for a template, and for a text that somebody made
 * invalid by hand: the next write repairs it.
 */
export function domainOf(config: string | null): string | null {
  if (config === null) return null;
  try {
    const { domain }: Partial<Sender> = openSender({ config, sealed: [] }, null);
    return domain ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
