// Lists the entries of the catalog of every source, for people (`packetboat catalog list`).

import type { CatalogSource } from '../../ports/catalog-writer.ts';
import { openCatalogCollections } from './catalog-document.ts';
import type { Mongo } from './connection.ts';

export interface CatalogListing {
  /** `sender/<tenant>/<name>`, `template/<tenant>/<identifier>`. */
  readonly key: string;
  readonly revision: number;
  /** `draining`: a retired sender, which accepts no mail and delivers the mail that it accepted. */
  readonly state: 'live' | 'draining';
  readonly source: Pick<CatalogSource, 'kind' | 'name'>;
  /** The term of the last writer. */
  readonly term: number;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
}

/** In the order of their keys. Entries that readers do not see are left out. */
export async function listCatalog(mongo: Mongo): Promise<readonly CatalogListing[]> {
  const { objects } = await openCatalogCollections(mongo);
  const projection = { revision: 1, state: 1, source: 1, fence: 1, updatedAt: 1 } as const;
  const seen = { state: { $in: ['live', 'draining'] } } as const;
  const found = await mongo.call(objects.find(seen, { projection }).sort({ _id: 1 }).toArray());
  return found.map(({ _id, revision, state, source: { kind, name }, fence, updatedAt }) => ({
    key: _id,
    revision,
    state: state === 'draining' ? state : 'live',
    source: { kind: kind as CatalogSource['kind'], name },
    term: fence.term,
    updatedAt,
  }));
}
