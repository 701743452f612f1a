import { blobStoreContract } from '../../../test/contract/blob-store.ts';
import { MemoryBlobStore } from './blob-store.ts';
import { ManualClock } from './clock.ts';

blobStoreContract('memory', async () => {
  const clock = new ManualClock();
  const store = new MemoryBlobStore(clock);
  return {
    store,
    elapse: (ms) => clock.advance(ms),
    now: () => clock.now(),
    truncate: async (id) => store.truncate(id),
    flip: async (id, position) => store.flip(id, position),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});
