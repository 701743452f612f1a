import { mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blobStoreContract } from '../../../test/contract/blob-store.ts';
import { newBlobId } from '../../../test/contract/sample-message.ts';
import { ManualClock } from '../memory/clock.ts';
import { openBlobStore } from './blob-store.ts';

async function openTemporary() {
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-blobs-'));
  const clock = new ManualClock();
  const open = () => openBlobStore(folder, clock);
  const store = await open();
  return { folder, clock, store, open, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

blobStoreContract('file', async () => {
  const temporary = await openTemporary();
  const { clock, store } = temporary;
  return {
    store,
    reopen: temporary.open,
    now: () => clock.now(),
    elapse: (ms) => clock.advance(ms),
    truncate: async (id) => {
      const { size } = await stat(store.pathOf(id));
      await truncate(store.pathOf(id), size - 1);
    },
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
});

const bytes = async function* (size: number) {
  yield new Uint8Array(size);
};

describe('FileBlobStore', () => {
  it('lists and deletes the half-written file of a killed process', async () => {
    await using temporary = await openTemporary();
    const { store, clock } = temporary;
    const id = newBlobId(clock.now());
    const isWriting = Promise.withResolvers<void>();
    const stuck = Promise.withResolvers<void>();
    const put = store.put(
      id,
      'a',
      (async function* () {
        yield new Uint8Array(10);
        isWriting.resolve();
        await stuck.promise;
      })(),
    );
    await isWriting.promise;
    const later = await temporary.open();
    expect(await later.olderThan(clock.now() + 1, 10, null)).toEqual([id]);
    expect(await later.stat([id])).toEqual([null]);
    await later.delete([id]);
    expect(await later.olderThan(clock.now() + 1, 10, null)).toEqual([]);
    stuck.resolve();
    await expect(put).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('lists folders in the order of time', async () => {
    await using temporary = await openTemporary();
    const { store, clock, folder } = temporary;
    const ids: ReturnType<typeof newBlobId>[] = [];
    for (const minutes of [0, 1, 20, 40, 600, 1_200, 1_201]) {
      await clock.advance(minutes * 60_000);
      const id = newBlobId(clock.now());
      ids.push(id);
      await store.put(id, 'a', bytes(1));
    }
    expect((await readdir(folder)).length).toBeGreaterThan(2);
    expect(await store.olderThan(clock.now() + 1, 100, null)).toEqual(ids);
    expect(await store.olderThan(clock.now(), 100, null)).toEqual(ids.slice(0, -1));
    for (const [i, id] of ids.entries())
      expect(await store.olderThan(clock.now() + 1, 2, id)).toEqual(ids.slice(i + 1, i + 3));
  });
});
