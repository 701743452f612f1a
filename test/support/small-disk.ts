// A small disk that a test fills and frees again: a tmpfs, mounted by root, else by
// `sudo` without a password. Where neither can mount, the test fails with the reason.

import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Writes until nothing more fits. */
  fill(): void;
  /** Removes what `fill` wrote. */
  free(): void;
}

const BALLAST_CHUNK_BYTES = 64 * 1_024;

export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), 'packetboat-disk-'));
  const owner = `uid=${process.getuid?.() ?? 0},gid=${process.getgid?.() ?? 0},mode=0700`;
  asRoot('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,${owner}`, 'packetboat-test', path]);
  const ballast = join(path, 'ballast');
  return {
    path,
    fill() {
      const file = openSync(ballast, 'a');
      try {
        // the last pages take single bytes only
        for (const size of [BALLAST_CHUNK_BYTES, 1])
          try {
            for (;;) writeSync(file, Buffer.alloc(size));
          } catch (error) {
            if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
          }
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      // lazily: a program that a failed test left behind may still have files open
      asRoot('umount', ['-l', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

/**
 * Whether every write of this process to a file fails, as on a disk that the kernel made read-only
 * after an error. A tmpfs cannot become read-only while a program has its files open, so the limit
 * of the process does it; reads, pipes and sockets are not concerned.
 */
export function refuseWrites(pid: number | undefined, isRefusing: boolean): void {
  const softLimit = `--fsize=${isRefusing ? 0 : 'unlimited'}:`;
  execFileSync('prlimit', ['--pid', String(pid), softLimit], { stdio: 'ignore' });
}

function asRoot(command: string, args: readonly string[]): void {
  const [program = '', ...all] =
    process.getuid?.() === 0 ? [command, ...args] : ['sudo', '-n', command, ...args];
  try {
    execFileSync(program, all, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (cause) {
    throw new Error(`this test needs to mount a tmpfs: run it as root, or as a user who may use sudo`, {
      cause,
    });
  }
}
