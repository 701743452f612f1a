// Embedded mode sweeps files by what the messages in SQLite refer to.

import { join } from 'node:path';
import { blobSweepContract } from '../../../test/contract/blob-sweep.ts';
import { openBlobStore } from '../file/blob-store.ts';
import { ManualClock } from '../memory/clock.ts';
import { openTemporary } from './database.fixture.ts';
import { openMessageStore } from './message-store.ts';

blobSweepContract('SQLite and files', async () => {
  const clock = new ManualClock();
  const temporary = await openTemporary();
  const messages = await openMessageStore(temporary.database(), clock);
  return {
    messages,
    blobs: await openBlobStore(join(temporary.folder, 'blobs'), messages),
    elapse: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
});
