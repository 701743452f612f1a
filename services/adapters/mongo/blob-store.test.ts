import { Binary, type Document } from 'mongodb';
import { expect, it } from 'vitest';
import { blobStoreContract } from '../../../test/contract/blob-store.ts';
import { newBlobId } from '../../../test/contract/sample-message.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { storeLimits } from '../../core/limits/store.ts';
import { openBlobStore } from './blob-store.ts';

const pieces = async function* (...sizes: number[]) {
  for (const size of sizes) yield new Uint8Array(size).fill(size);
};

describeWith(['mongo'], 'BlobStore in MongoDB', () => {
  blobStoreContract('mongo', async () => {
    const mongo = await openTestMongo('blobs');
    let elapsed = 0;
    const now = () => mongo.now() + elapsed;
    const open = () => openBlobStore(mongo, now);
    return {
      store: await open(),
      reopen: open,
      now,
      elapse: async (ms) => {
        elapsed += ms;
      },
      async truncate(id) {
        const chunks = mongo.db.collection<Document & { data: Binary }>('blobs.chunks');
        const last = await chunks.findOne({ files_id: id }, { sort: { n: -1 } });
        if (last === null) throw new Error('no such blob');
        await chunks.updateOne(
          { _id: last._id },
          { $set: { data: new Binary(last.data.value().subarray(0, -1)) } },
        );
      },
      async flip(id, position) {
        const chunks = mongo.db.collection<Document & { data: Binary }>('blobs.chunks');
        const n = Math.floor(position / storeLimits.blobChunkBytes);
        const chunk = await chunks.findOne({ files_id: id, n });
        if (chunk === null) throw new Error('no such chunk');
        const bytes = Buffer.from(chunk.data.value());
        bytes.writeUInt8(
          bytes.readUInt8(position % storeLimits.blobChunkBytes) ^ 1,
          position % storeLimits.blobChunkBytes,
        );
        await chunks.updateOne({ _id: chunk._id }, { $set: { data: new Binary(bytes) } });
      },
      [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
    };
  });

  it('notices a chunk that is gone, the last one too', async () => {
    await using mongo = await openTestMongo('blobs');
    const store = await openBlobStore(mongo);
    const id = newBlobId(mongo.now());
    await store.put(id, 'a', pieces(storeLimits.blobChunkBytes, 10));
    await mongo.db.collection('blobs.chunks').deleteOne({ n: 1 });
    await expect(Array.fromAsync(store.get(id))).rejects.toThrow('truncated');
  });

  it('names an upload whose process died half-way, and deletes it', async () => {
    await using mongo = await openTestMongo('blobs');
    const store = await openBlobStore(mongo);
    const id = newBlobId(mongo.now());
    const stuck = Promise.withResolvers<void>();
    const half = async function* () {
      yield* pieces(storeLimits.blobChunkBytes + 1);
      await stuck.promise;
    };
    const put = store.put(id, 'a', half());
    await expect.poll(() => mongo.db.collection('blobs.chunks').countDocuments()).toBe(1);
    expect(await store.olderThan(mongo.now() + 1, 10, null)).toEqual([id]);
    await store.delete([id]);
    expect(await mongo.db.collection('blobs.chunks').countDocuments()).toBe(0);
    // its process was only slow: it is told, and leaves nothing behind
    stuck.resolve();
    await expect(put).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await mongo.db.collection('blobs.chunks').countDocuments()).toBe(0);
  });
});
