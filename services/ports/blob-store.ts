// Bodies and attachments above 64 KiB, streamed in and out. A blob is written before the message
// that refers to it, and is immutable.

import type { BlobId } from '../core/ids.ts';

export interface BlobInfo {
  readonly id: BlobId;
  readonly tenant: string;
  readonly bytes: number;
  /** SHA-256 of the bytes, hex. */
  readonly sha256: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface BlobStore extends AsyncDisposable {
  /**
   * Writes a blob; durable when it resolves. Reads the source with back-pressure and never holds it
   * whole. When the source throws, or the process dies, no blob can be read under this id. The id
   * is new; putting it twice is a bug.
   */
  put(id: BlobId, tenant: string, source: AsyncIterable<Uint8Array>): Promise<BlobInfo>;

  /** Null for each that does not exist, or is not wholly written. */
  stat(ids: readonly BlobId[]): Promise<readonly (BlobInfo | null)[]>;

  /**
   * The bytes, in chunks. Throws `Failure('not_found')` before the first chunk; throws when it
   * turns out truncated.
   */
  get(id: BlobId): AsyncIterable<Uint8Array>;

  /** Deleting what is not there is a success. */
  delete(ids: readonly BlobId[]): Promise<void>;

  /**
   * Blobs (whole or abandoned half-way) created before the given time, by id, which sorts by time;
   * `after`: the last id of the page before.
   */
  olderThan(before: number, limit: number, after: BlobId | null): Promise<readonly BlobId[]>;
}
