// A server under test that is a program of its own, started as `startProgram` does it, but with
// what it prints in a file: thousands of lines of log read by the bench would be load of the
// bench's.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProgram } from '../support/process.ts';
import { listening } from './listening.ts';

const LOG = 'output.log';
const LOG_SHOWN_CHARS = 4_000;

export interface BenchServerProgram {
  readonly name: string;
  readonly command: string;
  /** May name the program's own folder. */
  readonly args: (folder: string) => readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** It serves when this port of 127.0.0.1 takes connections. */
  readonly port: number;
}

export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly folder: string;
}

export async function startServer({
  name,
  command,
  args,
  env = {},
  port,
}: BenchServerProgram): Promise<Server> {
  await using started = new AsyncDisposableStack();
  const program = started.use(
    await startProgram({
      name,
      command: '/bin/sh',
      args: (folder) => [
        '-c',
        'echo begun; exec "$@" >"$0" 2>&1',
        join(folder, LOG),
        command,
        ...args(folder),
      ],
      env,
      ready: /^begun/,
    }),
  );
  const { pid, folder } = program;
  const log = async () => (await readFile(join(folder, LOG), 'utf8')).slice(-LOG_SHOWN_CHARS);
  try {
    if (pid === undefined) throw new Error('it ended');
    await listening(port);
    const all = started.move();
    return {
      pid,
      folder,
      async [Symbol.asyncDispose]() {
        // asked first, so that it takes along what it started
        await program.stop().catch(() => undefined);
        await all.disposeAsync();
      },
    };
  } catch (cause) {
    throw new Error(`${name} did not start; it said:\n${await log()}`, { cause });
  }
}
