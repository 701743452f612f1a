import { blobSweepContract } from '../../test/contract/blob-sweep.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';

blobSweepContract('memory', async () => {
  const clock = new ManualClock();
  return {
    messages: new MemoryMessageStore(clock),
    blobs: new MemoryBlobStore(clock),
    elapse: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: async () => {},
  };
});
