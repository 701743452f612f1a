// A large body on disk. The file is unlinked when it is created, so it disappears when the process
// ends, even after a crash; the threads of the process share its descriptor. A parser appends the
// parts that it extracts to the same file.

import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ingestLimits } from '../../services/core/limits/ingest.ts';

/** A part of the file. */
export interface Extent {
  readonly offset: number;
  readonly bytes: number;
}

export class Spool implements AsyncDisposable {
  readonly #file: FileHandle;
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(folder: string): Promise<Spool> {
    const path = join(folder, `packetboat-${randomUUID()}`);
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return new Spool(file);
  }

  /** Valid until it is disposed. */
  get fd(): number {
    return this.#file.fd;
  }

  /** Size of the body. */
  get bytes(): number {
    return this.#bytes;
  }

  async append(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, this.#bytes);
      done += bytesWritten;
      this.#bytes += bytesWritten;
    }
  }

  /** Yields chunks of `ingestLimits.uploadChunkBytes`, each in a new buffer. */
  async *read({ offset, bytes }: Extent): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes; ) {
      const chunk = Buffer.allocUnsafe(Math.min(ingestLimits.uploadChunkBytes, bytes - at));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, offset + at);
      if (bytesRead === 0) throw new Error('the spooled body is shorter than it was');
      yield chunk.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
