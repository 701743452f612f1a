// Bodies and attachments above 64 KiB, written and read as streams. A blob is immutable, and is
// written before the message that refers to it.

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
   * Writes a blob. Durable when it resolves. Reads the source with back-pressure and
   * never buffers all of it. If the source throws, or the process dies, no blob can be read under
   * this id. The id must be new.
   */
  put(id: BlobId, tenant: string, source: AsyncIterable<Uint8Array>): Promise<BlobInfo>;

  /**
   * Returns the blobs in the order of the ids; null for a blob that does not exist or is not
   * completely written.
   */
  stat(ids: readonly BlobId[]): Promise<readonly (BlobInfo | null)[]>;

  /**
   * Yields the bytes in chunks. Throws `Failure('not_found')` before the first chunk if there is no
   * such blob, and `Failure('data_loss')` before the last chunk if the bytes are not those that
   * were written: compares their number and their SHA-256.
   */
  get(id: BlobId): AsyncIterable<Uint8Array>;

  /** Deletes blobs. Ids without a blob are ignored. */
  delete(ids: readonly BlobId[]): Promise<void>;

  /**
   * Returns blobs that were created before the given time, complete or incomplete, ordered by id,
   * which is also the order of time. `after`: the last id of the previous page.
   */
  olderThan(before: number, limit: number, after: BlobId | null): Promise<readonly BlobId[]>;
}
