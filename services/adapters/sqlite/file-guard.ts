// Notices that the files of the open database were deleted, replaced or truncated by somebody else.
// SQLite does not: it keeps writing to the files that it opened, and nobody would find those writes
// after a restart. The guard uses names and sizes only; opening and closing the database file a
// second time in this process would release SQLite's locks.

import { statSync } from 'node:fs';
import { Failure } from '../../core/failure.ts';

interface Seen {
  readonly path: string;
  /** Device and inode. Null until the file is there. */
  identity: string | null;
  bytes: number;
}

export class FileGuard {
  readonly #files: readonly Seen[];
  /** A log above this size may be cut to it by SQLite itself. */
  readonly #logBytes: number;
  #lost: Failure | null = null;

  /** `logBytes`: the `journal_size_limit` of the connection. */
  constructor(path: string, logBytes: number) {
    this.#files = [path, `${path}-wal`].map((each) => ({ path: each, identity: null, bytes: 0 }));
    this.#logBytes = logBytes;
    this.check();
  }

  /**
   * Call before each transaction, because a write behind the end of a truncated file restores the
   * size of the file, and after the transaction, before its result is used. Throws
   * `Failure('unavailable')`, from the first fault on always: only a restart opens the files that
   * are there now.
   */
  check(): void {
    if (this.#lost !== null) throw this.#lost;
    for (const file of this.#files) {
      const fault = this.#faultOf(file);
      if (fault === null) continue;
      this.#lost = new Failure(
        'unavailable',
        `the database file ${file.path} was ${fault} while Packetboat was running; restart Packetboat`,
      );
      throw this.#lost;
    }
  }

  #faultOf(file: Seen): 'deleted' | 'replaced' | 'truncated' | null {
    const stat = statSync(file.path, { throwIfNoEntry: false });
    if (stat === undefined) return file.identity === null ? null : 'deleted';
    const identity = `${stat.dev}:${stat.ino}`;
    if (file.identity !== null && file.identity !== identity) return 'replaced';
    // the database never shrinks: it is not vacuumed
    const isLog = file.path.endsWith('-wal');
    if (stat.size < (isLog ? Math.min(file.bytes, this.#logBytes) : file.bytes)) return 'truncated';
    file.identity = identity;
    file.bytes = stat.size;
    return null;
  }
}
