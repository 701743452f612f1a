// Blobs as files in a folder. A file is written under a temporary name, synced and then renamed, so
// a file with a final name is complete. Folders and names sort by time (see `folderOf`).

import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../core/failure.ts';
import { type BlobId, blobId, ID_RANDOM_BYTES } from '../../core/ids.ts';
import { ingestLimits } from '../../core/limits/ingest.ts';
import type { BlobInfo, BlobStore } from '../../ports/blob-store.ts';
import type { StoreClock } from '../../ports/store-clock.ts';

/** Bytes at the start of each file for the blob's metadata: JSON padded with spaces. */
const HEAD_BYTES = 1_024;
/** The suffix of a file that is being written, or whose process died while writing. */
const PART = '.part';

/**
 * Opens the folder and creates it if it is missing. `clock` gives the blobs their times. It is the
 * clock by which the sweeper judges their age: a blob that seemed older than it is would be deleted
 * before its message is stored.
 */
export async function openBlobStore(folder: string, clock: StoreClock): Promise<FileBlobStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return new FileBlobStore(folder, clock);
}

class FileBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #clock: StoreClock;

  constructor(folder: string, clock: StoreClock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  async put(id: BlobId, tenant: string, source: AsyncIterable<Uint8Array>): Promise<BlobInfo> {
    const path = this.pathOf(id);
    const createdAt = this.#clock.now();
    await this.#makeFolder(dirname(path));
    const part = path + PART;
    try {
      const info = await write(part, { id, tenant, createdAt }, source);
      await disk(rename(part, path));
      await sync(dirname(path));
      return info;
    } catch (error) {
      // `olderThan` finds a file that cannot be removed now
      await rm(part, { force: true }).catch(() => {});
      throw error;
    }
  }

  stat(ids: readonly BlobId[]): Promise<readonly (BlobInfo | null)[]> {
    return Promise.all(
      ids.map(async (id) => {
        await using file = await openIfThere(this.pathOf(id));
        return file === null ? null : await readHead(file);
      }),
    );
  }

  async *get(id: BlobId): AsyncGenerator<Uint8Array> {
    await using file = await openIfThere(this.pathOf(id));
    if (file === null) throw new Failure('not_found', 'stored content is missing');
    const info = await readHead(file);
    if (info === null) throw new Failure('data_loss', 'stored content is truncated');
    const hash = createHash('sha256');
    for (let position = 0; position < info.bytes; ) {
      const chunk = Buffer.allocUnsafe(Math.min(ingestLimits.uploadChunkBytes, info.bytes - position));
      const { bytesRead } = await disk(file.read(chunk, 0, chunk.length, HEAD_BYTES + position));
      if (bytesRead === 0) throw new Failure('data_loss', 'stored content is truncated');
      position += bytesRead;
      const read = chunk.subarray(0, bytesRead);
      hash.update(read);
      if (position === info.bytes && hash.digest('hex') !== info.sha256)
        throw new Failure('data_loss', 'stored content is damaged');
      yield read;
    }
  }

  async delete(ids: readonly BlobId[]): Promise<void> {
    for (const path of ids.map((id) => this.pathOf(id))) {
      await rm(path, { force: true });
      await rm(path + PART, { force: true });
    }
  }

  /** Compares the time in the id, so no file needs to be opened. */
  async olderThan(before: number, limit: number, after: BlobId | null): Promise<readonly BlobId[]> {
    const end = blobId(before, new Uint8Array(ID_RANDOM_BYTES));
    const last = folderOf(end);
    const first = after === null ? { outer: '', inner: '' } : folderOf(after);
    const found: BlobId[] = [];
    for (const outer of await namesIn(this.#folder)) {
      if (outer < first.outer || outer > last.outer) continue;
      for (const inner of await namesIn(join(this.#folder, outer))) {
        if ((outer === first.outer && inner < first.inner) || (outer === last.outer && inner > last.inner))
          continue;
        for (const name of await namesIn(join(this.#folder, outer, inner))) {
          const id = (name.endsWith(PART) ? name.slice(0, -PART.length) : name) as BlobId;
          if (id < end && (after === null || id > after)) found.push(id);
          if (found.length === limit) return found;
        }
      }
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** The path of a blob's file. */
  pathOf(id: BlobId): string {
    const { outer, inner } = folderOf(id);
    return join(this.#folder, outer, inner, id);
  }

  /**
   * Creates a folder and syncs each new folder into its parent: a crash must not lose a folder with
   * its files.
   */
  async #makeFolder(folder: string): Promise<void> {
    const first = await disk(mkdir(folder, { recursive: true, mode: 0o700 }));
    if (first === undefined) return;
    for (let made = folder; made !== this.#folder; made = dirname(made)) await sync(dirname(made));
  }
}

/**
 * Two levels of folders by the time in the id: a new outer folder every nine hours, a new inner
 * folder every 17 minutes. Both sort in the order of the ids.
 */
function folderOf(id: BlobId): { readonly outer: string; readonly inner: string } {
  const start = 'blob_'.length;
  return { outer: id.slice(start, start + 5), inner: id.slice(start + 5, start + 6) };
}

async function write(
  path: string,
  known: Pick<BlobInfo, 'id' | 'tenant' | 'createdAt'>,
  source: AsyncIterable<Uint8Array>,
): Promise<BlobInfo> {
  await using file = await disk(open(path, 'wx', 0o600));
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    await disk(writeAll(file, chunk, HEAD_BYTES + bytes));
    bytes += chunk.length;
  }
  const info = { ...known, bytes, sha256: hash.digest('hex') };
  const head = Buffer.alloc(HEAD_BYTES, ' ');
  const text = Buffer.from(JSON.stringify(info));
  if (text.length > HEAD_BYTES) throw new Failure('invalid', 'the name of the tenant is too long');
  head.set(text);
  await disk(writeAll(file, head, 0));
  await disk(file.sync());
  return info;
}

/** A single write may write only a part. */
async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; )
    done += (await file.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
}

/**
 * Null if the file's metadata cannot be read or contradicts its size: the disk failed, or somebody
 * changed the file.
 */
async function readHead(file: FileHandle): Promise<BlobInfo | null> {
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await disk(file.read(head, 0, HEAD_BYTES, 0));
  if (bytesRead < HEAD_BYTES) return null;
  const info = parseHead(head.toString());
  if (info === null) return null;
  const { size } = await disk(file.stat());
  return size === HEAD_BYTES + info.bytes ? info : null;
}

function parseHead(text: string): BlobInfo | null {
  try {
    return JSON.parse(text) as BlobInfo;
  } catch {
    return null;
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function sync(folder: string): Promise<void> {
  await using handle = await disk(open(folder));
  await disk(handle.sync());
}

/**
 * Turns an error of the disk into `unavailable`: a full or broken disk can be repaired, and the
 * caller is not at fault. Errors of the source do not pass through here.
 */
async function disk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : 'unknown';
    throw new Failure('unavailable', `the disk failed: ${code}`, { cause });
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
