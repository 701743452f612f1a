// Asks the probes (`inside.ts`) in the programs of an installation. Each thread of each program has
// a probe of its own, which listens on a Unix socket in one folder.

import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { Profiler } from 'node:inspector';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Part } from '../usage.ts';

/** Names of environment variables. Without the first a probe does nothing. */
export const PROBE_FOLDER = 'BENCH_PROBE_FOLDER';
/** Counting makes a program slower, so a profile is taken without it. */
export const PROBE_COUNTS = 'BENCH_PROBE_COUNTS';

export type ProbeQuestion = 'counts' | 'startProfile' | 'stopProfile';
export type ProbeAnswer =
  | { readonly kind: 'counts'; readonly counts: Readonly<Record<string, number>> }
  | { readonly kind: 'started' }
  | {
      readonly kind: 'profile';
      readonly profile: Profiler.Profile;
      /** User and system time of the thread meanwhile. */
      readonly cpuUs: number;
    };

export interface ThreadAnswer {
  /** The name of the part, `ingest`. */
  readonly program: string;
  /** 0 is the main thread. */
  readonly thread: number;
  readonly answer: ProbeAnswer;
}

export interface Probes extends AsyncDisposable {
  /** For the environment of the programs. */
  readonly env: Readonly<Record<string, string>>;
  /** One reply for each thread of these programs. */
  ask(parts: readonly Part[], question: ProbeQuestion): Promise<readonly ThreadAnswer[]>;
}

export async function openProbes(isCounting: boolean): Promise<Probes> {
  // the path of a Unix socket has at most 107 bytes
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-probe-'));
  return {
    env: {
      NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import ${new URL('inside.ts', import.meta.url).href}`,
      [PROBE_FOLDER]: folder,
      ...(isCounting && { [PROBE_COUNTS]: '1' }),
    },
    async ask(parts, question) {
      const sockets = await readdir(folder);
      const asked = sockets.flatMap((socket) => {
        const [, pid, thread] = /^(\d+)-(\d+)\.sock$/.exec(socket) ?? [];
        const part = parts.find((each) => each.pid === Number(pid));
        if (part === undefined) return [];
        return askOne(join(folder, socket), question).then((answer) => ({
          program: part.name,
          thread: Number(thread),
          answer,
        }));
      });
      return await Promise.all(asked);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function askOne(path: string, question: ProbeQuestion): Promise<ProbeAnswer> {
  const socket = connect(path);
  await once(socket, 'connect');
  socket.write(question);
  return JSON.parse(await text(socket)) as ProbeAnswer;
}
