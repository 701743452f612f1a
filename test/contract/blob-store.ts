// What every BlobStore promises.

import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobId } from '../../services/core/ids.ts';
import type { BlobStore } from '../../services/ports/blob-store.ts';
import { newBlobId } from './sample-message.ts';

export interface BlobStoreSubject extends AsyncDisposable {
  readonly store: BlobStore;
  /** Moves the clock that blobs are dated by. */
  elapse(ms: number): Promise<void>;
  /** The time that blobs are dated by. */
  now(): number;
  /** Takes away the last byte of a stored blob, behind the store's back. */
  truncate(id: BlobId): Promise<void>;
  /** Changes the byte at this position of a stored blob, behind the store's back. */
  flip(id: BlobId, position: number): Promise<void>;
  /** Closes the store and opens it again over the same data. Absent where nothing is kept. */
  readonly reopen?: () => Promise<BlobStore>;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export function blobStoreContract(name: string, open: () => Promise<BlobStoreSubject>): void {
  describe(`BlobStore contract: ${name}`, () => {
    let subject: BlobStoreSubject;
    let store: BlobStore;
    let id: BlobId;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
      id = newBlobId(subject.now());
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('returns the bytes, also after a restart', async () => {
      const start = subject.now();
      const bytes = noise(300 * KIB);
      const info = await store.put(id, 'acme.live', chunksOf(bytes, 64 * KIB));
      expect(info).toEqual({
        id,
        tenant: 'acme.live',
        bytes: bytes.length,
        sha256: sha256(bytes),
        createdAt: info.createdAt,
      });
      expect(info.createdAt).toBeGreaterThanOrEqual(start);
      expect(info.createdAt).toBeLessThanOrEqual(subject.now());
      const verify = async (reader: BlobStore): Promise<void> => {
        expect((await collect(reader.get(id))).equals(bytes)).toBe(true);
        expect(await reader.stat([id])).toEqual([info]);
      };
      await verify(store);
      if (subject.reopen !== undefined) await verify(await subject.reopen());
    });

    it.each([0, 1, 63, 64 * KIB, 255 * KIB, 255 * KIB + 1, MIB])(
      'keeps %i bytes, however they were cut',
      async (size) => {
        const bytes = noise(size);
        const other = newBlobId(subject.now());
        await store.put(id, 'a', chunksOf(bytes, 10_007));
        await store.put(other, 'a', withEmptyChunks(bytes));
        for (const blob of [id, other]) {
          expect((await collect(store.get(blob))).equals(bytes)).toBe(true);
          expect(await store.stat([blob])).toMatchObject([{ bytes: size, sha256: sha256(bytes) }]);
        }
      },
    );

    it('copies the bytes that it was given', async () => {
      const buffer = Buffer.alloc(16, 1);
      async function* reusing() {
        yield buffer;
        await setImmediate();
        buffer.fill(2);
        yield buffer;
      }
      await store.put(id, 'a', reusing());
      expect(await collect(store.get(id))).toEqual(Buffer.concat([Buffer.alloc(16, 1), Buffer.alloc(16, 2)]));
    });

    it('reads the source chunk by chunk, and yields chunks on demand', async () => {
      const chunk = noise(64 * KIB);
      const count = 80; // 5 MiB
      let given = 0;
      let asked = 0;
      const source: AsyncIterable<Uint8Array> = {
        [Symbol.asyncIterator]: () => ({
          async next() {
            expect(++asked).toBe(given + 1);
            await setImmediate();
            given++;
            return given > count ? { done: true, value: undefined } : { done: false, value: chunk };
          },
        }),
      };
      const info = await store.put(id, 'a', source);
      expect(info.bytes).toBe(count * chunk.length);
      const hash = createHash('sha256');
      let largest = 0;
      for await (const part of store.get(id)) {
        largest = Math.max(largest, part.length);
        hash.update(part);
      }
      expect(hash.digest('hex')).toBe(info.sha256);
      expect(largest).toBeLessThanOrEqual(MIB);
    });

    it('several readers can read at once, and stop early', async () => {
      const bytes = noise(MIB);
      await store.put(id, 'a', chunksOf(bytes, 64 * KIB));
      for await (const part of store.get(id)) {
        expect(part.length).toBeGreaterThan(0);
        break;
      }
      const copies = await Promise.all([1, 2, 3].map(() => collect(store.get(id))));
      expect(copies.every((copy) => copy.equals(bytes))).toBe(true);
    });

    it('a failed source leaves no blob', async () => {
      async function* failing() {
        yield noise(300 * KIB);
        throw new Error('the client went away');
      }
      await expect(store.put(id, 'a', failing())).rejects.toThrow('the client went away');
      expect(await store.stat([id])).toEqual([null]);
      await expect(collect(store.get(id))).rejects.toMatchObject({ kind: 'not_found' });
    });

    it('a blob cannot be read before the put has ended', async () => {
      const gate = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      async function* slow() {
        yield noise(300 * KIB);
        reached.resolve();
        await gate.promise;
        yield noise(1);
      }
      const put = store.put(id, 'a', slow());
      await reached.promise;
      expect(await store.stat([id])).toEqual([null]);
      await expect(collect(store.get(id))).rejects.toMatchObject({ kind: 'not_found' });
      gate.resolve();
      await put;
      expect(await store.stat([id])).toMatchObject([{ bytes: 300 * KIB + 1 }]);
    });

    it('returns results in the order of the ids, null for an unknown id', async () => {
      const other = newBlobId(subject.now());
      await store.put(id, 'a', chunksOf(noise(10), 10));
      await store.put(other, 'b', chunksOf(noise(20), 10));
      const infos = await store.stat([other, newBlobId(subject.now()), id, other]);
      expect(infos.map((info) => info?.bytes ?? null)).toEqual([20, null, 10, 20]);
      expect(await store.stat([])).toEqual([]);
    });

    it('throws not_found before the first chunk', async () => {
      await expect(collect(store.get(id))).rejects.toMatchObject({ kind: 'not_found' });
    });

    it.each([1, 300 * KIB])('throws when a blob of %i bytes turns out truncated', async (size) => {
      await store.put(id, 'a', chunksOf(noise(size), 64 * KIB));
      await subject.truncate(id);
      await expect(collect(store.get(id))).rejects.toMatchObject({ kind: 'data_loss' });
    });

    it.each([
      [1, 0],
      [3 * MIB, 0],
      [3 * MIB, 2 * MIB],
      [3 * MIB, 3 * MIB - 1],
    ])('of a blob of %i bytes whose byte %i has changed, never yields the end', async (size, position) => {
      await store.put(id, 'a', chunksOf(noise(size), 64 * KIB));
      await subject.flip(id, position);
      let read = 0;
      const reading = (async () => {
        for await (const chunk of store.get(id)) read += chunk.length;
      })();
      await expect(reading).rejects.toMatchObject({ kind: 'data_loss' });
      expect(read).toBeLessThan(size);
    });

    it('deletes blobs, and ignores unknown ids', async () => {
      const kept = newBlobId(subject.now());
      await store.put(id, 'a', chunksOf(noise(10), 10));
      await store.put(kept, 'a', chunksOf(noise(10), 10));
      await store.delete([id, newBlobId(subject.now())]);
      await store.delete([id]);
      await store.delete([]);
      expect(await store.stat([id, kept])).toMatchObject([null, { bytes: 10 }]);
      await expect(collect(store.get(id))).rejects.toMatchObject({ kind: 'not_found' });
    });

    it('lists blobs older than a time by id, complete or not, in pages', async () => {
      const ids: BlobId[] = [];
      async function* failing() {
        yield noise(300 * KIB);
        throw new Error('the client went away');
      }
      for (let i = 0; i < 4; i++) {
        const blob = newBlobId(subject.now());
        ids.push(blob);
        await store.put(blob, 'a', chunksOf(noise(10), 10));
        await subject.elapse(1_000);
      }
      const abandoned = newBlobId(subject.now());
      await expect(store.put(abandoned, 'a', failing())).rejects.toThrow();
      const infos = await store.stat(ids);
      const third = infos[2]?.createdAt ?? 0;
      expect(await store.olderThan(third, 10, null)).toEqual(ids.slice(0, 2));
      expect(await store.olderThan(third + 1, 10, null)).toEqual(ids.slice(0, 3));
      expect(await store.olderThan(third, 1, null)).toEqual(ids.slice(0, 1));
      await subject.elapse(1_000);
      const end = subject.now() + 1;
      const all: BlobId[] = [];
      for (let page: readonly BlobId[]; ; all.push(...page)) {
        page = await store.olderThan(end, 3, all.at(-1) ?? null);
        expect(page.length).toBeLessThanOrEqual(3);
        if (page.length === 0) break;
      }
      expect(all.slice(0, 4)).toEqual(ids);
      // a store may clean up after a source that failed, but what it has not cleaned up it names
      expect([[], [abandoned]]).toContainEqual(all.slice(4));
      await store.delete(all);
      expect(await store.olderThan(end, 10, null)).toEqual([]);
    });
  });
}

/** Bytes that look random and are the same in each run. */
function noise(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0, x = 1 + size; i < size; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* withEmptyChunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(0);
  yield new Uint8Array(bytes);
  yield new Uint8Array(0);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(source));
}
