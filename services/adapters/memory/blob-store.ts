// The blob store of tests and of the simulation, in memory.

import { createHash } from 'node:crypto';
import { Failure } from '../../core/failure.ts';
import type { BlobId } from '../../core/ids.ts';
import type { BlobInfo, BlobStore } from '../../ports/blob-store.ts';
import type { Clock } from '../../ports/clock.ts';

interface Blob {
  readonly info: BlobInfo;
  chunks: readonly Uint8Array[];
}

export class MemoryBlobStore implements BlobStore {
  readonly #clock: Clock;
  readonly #blobs = new Map<BlobId, Blob>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async put(id: BlobId, tenant: string, source: AsyncIterable<Uint8Array>): Promise<BlobInfo> {
    const createdAt = this.#clock.now();
    const hash = createHash('sha256');
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of source) {
      chunks.push(new Uint8Array(chunk)); // a copy, which Buffer.slice would not be
      hash.update(chunk);
      bytes += chunk.length;
    }
    const info = { id, tenant, bytes, sha256: hash.digest('hex'), createdAt };
    this.#blobs.set(id, { info, chunks });
    return info;
  }

  async stat(ids: readonly BlobId[]): Promise<readonly (BlobInfo | null)[]> {
    return ids.map((id) => this.#blobs.get(id)?.info ?? null);
  }

  async *get(id: BlobId): AsyncGenerator<Uint8Array> {
    const blob = this.#blobs.get(id);
    if (blob === undefined) throw new Failure('not_found', 'stored content is missing');
    const hash = createHash('sha256');
    for (const chunk of blob.chunks) hash.update(chunk);
    const isWhole = hash.digest('hex') === blob.info.sha256;
    yield* isWhole ? blob.chunks : blob.chunks.slice(0, -1);
    if (!isWhole) throw new Failure('data_loss', 'stored content is damaged');
  }

  async delete(ids: readonly BlobId[]): Promise<void> {
    for (const id of ids) this.#blobs.delete(id);
  }

  async olderThan(before: number, limit: number, after: BlobId | null): Promise<readonly BlobId[]> {
    return [...this.#blobs.values()]
      .filter(({ info }) => info.createdAt < before && (after === null || info.id > after))
      .map(({ info }) => info.id)
      .toSorted()
      .slice(0, limit);
  }

  /** For tests: removes the last byte, as a faulty disk would. */
  truncate(id: BlobId): void {
    this.#damage(id, (bytes) => bytes.subarray(0, -1));
  }

  /** For tests: changes a byte, as a faulty disk would. */
  flip(id: BlobId, position: number): void {
    this.#damage(id, (bytes) => bytes.fill((bytes[position] ?? 0) ^ 1, position, position + 1));
  }

  #damage(id: BlobId, change: (bytes: Buffer) => Buffer): void {
    const blob = this.#blobs.get(id);
    if (blob !== undefined) blob.chunks = [change(Buffer.concat(blob.chunks))];
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
