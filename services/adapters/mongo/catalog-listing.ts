// Lists the entries of the catalog of every source, for people (`packetboat catalog list`).

import { openSender } from '../../core/catalog/sealed-sender.ts';
import { openCatalogCollections } from './catalog-document.ts';
import type { Mongo } from './connection.ts';

export interface CatalogListing {
  /** `sender/<tenant>/<name>`, `template/<tenant>/<identifier>`. */
  readonly key: string;
  readonly revision: number;
  /** The entry of a deleted Sender, which accepts no mail and delivers what it accepted. */
  readonly isDraining: boolean;
  readonly source: { readonly kind: string; readonly name: string };
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
}

/** In the order of their keys. Entries that readers do not see are left out. */
export async function listCatalog(mongo: Mongo): Promise<readonly CatalogListing[]> {
  const { objects } = await openCatalogCollections(mongo);
  const projection = { revision: 1, config: 1, source: 1, updatedAt: 1 } as const;
  const found = await mongo.call(objects.find({ state: 'live' }, { projection }).sort({ _id: 1 }).toArray());
  return found.map(({ _id, revision, config, source: { kind, name }, updatedAt }) => ({
    key: _id,
    revision,
    isDraining: config !== null && openSender({ config, sealed: [] }, null).retiring,
    source: { kind, name },
    updatedAt,
  }));
}
