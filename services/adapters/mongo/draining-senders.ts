// The retired senders of the catalog in MongoDB. An erasure is a compare-and-set, so a sender that
// is published again at the same moment stays.

import { noticeOf } from '../../core/catalog/catalog.ts';
import type { DrainingSender, DrainingSenders } from '../../ports/draining-senders.ts';
import type { Notices } from '../../ports/notices.ts';
import { openCatalogCollections } from './catalog-document.ts';
import type { Mongo } from './connection.ts';

/** The caller closes the connection and the notices. */
export async function openDrainingSenders(
  mongo: Mongo,
  notices: Pick<Notices, 'publish'>,
): Promise<DrainingSenders> {
  const { objects } = await openCatalogCollections(mongo);
  return {
    async draining() {
      const projection = { tenant: 1, name: 1, retiredAt: 1 } as const;
      const found = await mongo.call(objects.find({ retiredAt: { $gt: 0 } }, { projection }).toArray());
      return found.map(({ _id, tenant, name, retiredAt }) => ({
        ...{ key: _id, tenant, name },
        retiredAt: retiredAt ?? 0,
      }));
    },
    async erase({ key, retiredAt }: DrainingSender) {
      const updatedAt = Math.max(mongo.now(), retiredAt + 1);
      const erased = { state: 'removed', retiredAt: null, config: null, sealed: [], updatedAt } as const;
      const change = { $set: erased, $inc: { writes: 1 } };
      const { matchedCount } = await mongo.call(objects.updateOne({ _id: key, retiredAt }, change));
      if (matchedCount === 1) notices.publish(noticeOf(key));
      return matchedCount === 1;
    },
  };
}
