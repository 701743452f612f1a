import { blobSweepContract } from '../../../test/contract/blob-sweep.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { openBlobStore } from './blob-store.ts';
import { openMessageStore } from './message-store.ts';

describeWith(['mongo'], 'blobs in MongoDB', () => {
  blobSweepContract('MongoDB', async () => {
    const mongo = await openTestMongo('sweep');
    let elapsed = 0;
    const now = (): number => mongo.now() + elapsed;
    return {
      messages: await openMessageStore(mongo, now),
      blobs: await openBlobStore(mongo, now),
      elapse: async (ms) => {
        elapsed += ms;
      },
      [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
    };
  });
});
