// Bodies and attachments in MongoDB, in the layout of GridFS, so that GridFS tools can read them.
// The driver's GridFS streams are not used: they read up to 16 MiB ahead for each reader, have no
// timeouts, and accept a file whose last chunk is missing.

import { createHash } from 'node:crypto';
import { Binary, type Collection, ObjectId } from 'mongodb';
import { Failure } from '../../core/failure.ts';
import type { BlobId } from '../../core/ids.ts';
import { storeLimits } from '../../core/limits/store.ts';
import type { BlobInfo, BlobStore } from '../../ports/blob-store.ts';
import { ensureIndexes, type Mongo } from './connection.ts';

interface FileDocument {
  readonly _id: BlobId;
  readonly filename: string;
  readonly length: number;
  readonly chunkSize: number;
  readonly uploadDate: Date;
  /** `sha256` is null until all chunks are written. */
  readonly metadata: { readonly tenant: string; readonly sha256: string | null };
}

interface ChunkDocument {
  readonly _id: ObjectId;
  readonly files_id: BlobId;
  readonly n: number;
  readonly data: Binary;
}

/** `now`: the time of creation of new blobs. */
export async function openBlobStore(mongo: Mongo, now: () => number = mongo.now): Promise<BlobStore> {
  const files = mongo.db.collection<FileDocument>('blobs.files');
  const chunks = mongo.db.collection<ChunkDocument>('blobs.chunks');
  await ensureIndexes(mongo, files, [{ name: 'age', key: { _id: 1, uploadDate: 1 } }]);
  await ensureIndexes(mongo, chunks, [{ name: 'pieces', key: { files_id: 1, n: 1 }, unique: true }]);
  return new MongoBlobStore(mongo, files, chunks, now);
}

class MongoBlobStore implements BlobStore {
  readonly #mongo: Mongo;
  readonly #files: Collection<FileDocument>;
  readonly #chunks: Collection<ChunkDocument>;
  readonly #now: () => number;

  constructor(
    mongo: Mongo,
    files: Collection<FileDocument>,
    chunks: Collection<ChunkDocument>,
    now: () => number,
  ) {
    this.#mongo = mongo;
    this.#files = files;
    this.#chunks = chunks;
    this.#now = now;
  }

  /**
   * Writes the file's document first, without a digest, so that `olderThan` finds an upload whose
   * process died.
   */
  async put(id: BlobId, tenant: string, source: AsyncIterable<Uint8Array>): Promise<BlobInfo> {
    const file = {
      _id: id,
      filename: id,
      length: 0,
      chunkSize: storeLimits.blobChunkBytes,
      uploadDate: new Date(this.#now()),
    };
    await this.#mongo.call(this.#files.insertOne({ ...file, metadata: { tenant, sha256: null } }));
    try {
      const { length, sha256 } = await this.#write(id, source);
      const done = await this.#mongo.call(
        this.#files.updateOne({ _id: id }, { $set: { length, metadata: { tenant, sha256 } } }),
      );
      if (done.matchedCount === 0)
        throw new Failure('unavailable', 'the blob was swept while it was written');
      return toInfo({ ...file, length, metadata: { tenant, sha256 } }, sha256);
    } catch (error) {
      // chunks that cannot be deleted now are swept later
      await this.delete([id]).catch(() => {});
      throw error;
    }
  }

  async #write(id: BlobId, source: AsyncIterable<Uint8Array>): Promise<{ length: number; sha256: string }> {
    const hash = createHash('sha256');
    let count = 0;
    let length = 0;
    for await (const piece of inPieces(source, storeLimits.blobChunkBytes)) {
      hash.update(piece);
      length += piece.length;
      await this.#mongo.call(
        this.#chunks.insertOne({ _id: new ObjectId(), files_id: id, n: count++, data: new Binary(piece) }),
      );
    }
    return { length, sha256: hash.digest('hex') };
  }

  async stat(ids: readonly BlobId[]): Promise<readonly (BlobInfo | null)[]> {
    if (ids.length === 0) return [];
    const found = new Map<BlobId, BlobInfo>();
    for (const file of await this.#mongo.call(this.#files.find({ _id: { $in: ids } }).toArray())) {
      const { sha256 } = file.metadata;
      if (sha256 !== null) found.set(file._id, toInfo(file, sha256));
    }
    return ids.map((id) => found.get(id) ?? null);
  }

  async *get(id: BlobId): AsyncIterable<Uint8Array> {
    const file = await this.#mongo.call(this.#files.findOne({ _id: id }));
    if (file === null || file.metadata.sha256 === null)
      throw new Failure('not_found', 'stored content is missing');
    // One query per chunk, because the server closes the cursor of a slow reader.
    const hash = createHash('sha256');
    let left = file.length;
    for (let n = 0; left > 0; n++) {
      const size = Math.min(left, file.chunkSize);
      const chunk = await this.#mongo.call(this.#chunks.findOne({ files_id: id, n }));
      if (chunk === null || chunk.data.length() !== size)
        throw new Failure('data_loss', 'stored content is truncated');
      left -= size;
      const read = chunk.data.value();
      hash.update(read);
      if (left === 0 && hash.digest('hex') !== file.metadata.sha256)
        throw new Failure('data_loss', 'stored content is damaged');
      yield read;
    }
  }

  /**
   * Deletes the file's document last, so that `olderThan` finds an interrupted deletion again.
   */
  async delete(ids: readonly BlobId[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#mongo.call(this.#chunks.deleteMany({ files_id: { $in: ids } }));
    await this.#mongo.call(this.#files.deleteMany({ _id: { $in: ids } }));
  }

  async olderThan(before: number, limit: number, after: BlobId | null): Promise<readonly BlobId[]> {
    const older = this.#files.find(
      { uploadDate: { $lt: new Date(before) }, ...(after === null ? {} : { _id: { $gt: after } }) },
      { sort: { _id: 1 }, limit, projection: { _id: 1 } },
    );
    return (await this.#mongo.call(older.toArray())).map(({ _id }) => _id);
  }

  /** Does nothing: the connection is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

const toInfo = (file: FileDocument, sha256: string): BlobInfo => ({
  id: file._id,
  tenant: file.metadata.tenant,
  bytes: file.length,
  sha256,
  createdAt: file.uploadDate.getTime(),
});

/**
 * The bytes of the source in pieces of one size; the last may be shorter. The pieces share memory:
 * a piece is valid until the next is requested.
 */
async function* inPieces(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.allocUnsafe(size);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const taken = Math.min(size - filled, chunk.length - at);
      piece.set(chunk.subarray(at, at + taken), filled);
      at += taken;
      filled += taken;
      if (filled < size) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}
