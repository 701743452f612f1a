import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drainingSendersContract } from '../../../test/contract/draining-senders.ts';
import type { Keys } from '../../core/secrets/keyring.ts';
import { MemoryNotices } from '../memory/notices.ts';
import { SystemRandom } from '../system/random.ts';
import { CatalogState } from './catalog-state.ts';
import { createCatalogWriter } from './catalog-writer.ts';
import { drainingSendersOf } from './draining-senders.ts';

const keys: Keys = [{ id: 'april', secret: new Uint8Array(32).fill(4) }];

drainingSendersContract('file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-draining-'));
  const state = await CatalogState.open(folder, keys);
  const parts = { keys, notices: new MemoryNotices(), random: new SystemRandom(), now: Date.now };
  return {
    writer: createCatalogWriter(state, parts),
    drainingSenders: drainingSendersOf(state, () => {}),
    read: async () => (await CatalogState.open(folder, keys)).snapshot(0),
    async stored() {
      const files = await readdir(join(folder, 'objects'));
      return (await Promise.all(files.map((file) => readFile(join(folder, 'objects', file), 'utf8')))).join();
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
});
