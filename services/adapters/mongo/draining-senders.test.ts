import { drainingSendersContract } from '../../../test/contract/draining-senders.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import type { Keys } from '../../core/secrets/keyring.ts';
import { MemoryNotices } from '../memory/notices.ts';
import { SystemRandom } from '../system/random.ts';
import { openCatalog } from './catalog.ts';
import { openCatalogWriter } from './catalog-writer.ts';
import { openDrainingSenders } from './draining-senders.ts';

const keys: Keys = [{ id: 'april', secret: new Uint8Array(32).fill(4) }];

describeWith(['mongo'], 'DrainingSenders in MongoDB', () => {
  drainingSendersContract('mongo', async () => {
    const mongo = await openTestMongo('draining_senders');
    const notices = new MemoryNotices();
    return {
      writer: await openCatalogWriter(mongo, { keys, notices, random: new SystemRandom() }),
      drainingSenders: await openDrainingSenders(mongo, notices),
      async read() {
        const report = (error: unknown): never => {
          throw error;
        };
        await using reader = await openCatalog(mongo, { keys, notices, report });
        return reader.current();
      },
      stored: async () => JSON.stringify(await mongo.db.collection('catalog').find().toArray()),
      [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
    };
  });
});
