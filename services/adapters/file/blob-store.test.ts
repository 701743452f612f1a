import { mkdtemp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blobStoreContract } from '../../../test/contract/blob-store.ts';
import { newBlobId } from '../../../test/contract/sample-message.ts';
import { ManualClock } from '../memory/clock.ts';
import { openBlobStore } from './blob-store.ts';

/** The metadata at the start of each file. */
const HEAD_BYTES = 1_024;

async function flip(path: string, position: number): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  await file.write(byte.fill(byte.readUInt8() ^ 1), 0, 1, position);
}

async function openTemporary() {
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-blobs-'));
  const clock = new ManualClock();
  const reopen = () => openBlobStore(folder, clock);
  const store = await reopen();
  return { folder, clock, store, reopen, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

blobStoreContract('file', async () => {
  const temporary = await openTemporary();
  const { clock, store } = temporary;
  return {
    store,
    reopen: temporary.reopen,
    now: () => clock.now(),
    elapse: (ms) => clock.advance(ms),
    truncate: async (id) => {
      const { size } = await stat(store.pathOf(id));
      await truncate(store.pathOf(id), size - 1);
    },
    flip: (id, position) => flip(store.pathOf(id), HEAD_BYTES + position),
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
    const later = await temporary.reopen();
    expect(await later.olderThan(clock.now() + 1, 10, null)).toEqual([id]);
    expect(await later.stat([id])).toEqual([null]);
    await later.delete([id]);
    expect(await later.olderThan(clock.now() + 1, 10, null)).toEqual([]);
    stuck.resolve();
    await expect(put).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('whose metadata were changed at any place is damaged, and nothing else fails', async () => {
    await using temporary = await openTemporary();
    const { store, clock } = temporary;
    const kinds = new Set<string>();
    for (let position = 0; position < 200; position++) {
      const id = newBlobId(clock.now());
      await store.put(id, 'a', bytes(10));
      await flip(store.pathOf(id), position);
      const outcome = await Array.fromAsync(store.get(id)).then(
        () => 'read',
        (error: { readonly kind?: string }) => error.kind ?? String(error),
      );
      kinds.add(outcome);
    }
    // a byte of the id, the tenant, the time or the padding does not matter to the content
    expect(kinds).toEqual(new Set(['read', 'data_loss']));
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
