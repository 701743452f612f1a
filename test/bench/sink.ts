// Where all mail of the benchmark ends: Postfix's smtp-sink, the same for every row. In C and on
// one thread it takes less of the machine than any sink of ours would. It writes what it was given
// to a file in memory, from which the ids are read at the end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { requireFile } from '../support/need.ts';
import { listening } from './listening.ts';

const POLL_MS = 10;
/** `sess=… quit=… mesg=…` and a carriage return, over and over; the last one is what counts. */
const COUNTERS_BYTES = 100;
const CONNECTIONS_MAX = 512;
const RECIPIENT = 'X-Rcpt-Args: <';
/** A line with an address is shorter. */
const LINE_BYTES_MAX = 1_000;

export interface BenchSink extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** Mails taken so far. */
  count(): number;
  /** Resolves when that many mails have come; rejects when they have not in time. */
  reached(count: number, waitMs: number): Promise<void>;
  /** Ends the sink and returns the local part of each recipient, once for each copy. */
  ids(): Promise<string[]>;
}

/** `memory`: what comes is kept in memory, for it is little. Otherwise on disk. */
export async function startSink(keep: 'memory' | 'disk' = 'memory'): Promise<BenchSink> {
  const memory = '/dev/shm';
  const folder = await mkdtemp(
    join(keep === 'memory' && existsSync(memory) ? memory : tmpdir(), 'packetboat-bench-sink-'),
  );
  const [mails, counters] = [join(folder, 'mails'), join(folder, 'counters')];
  const file = openSync(counters, 'a+');
  const port = await freePort();
  // Started as root it insists on being somebody else after it has taken its port.
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  await chmod(folder, 0o777);
  const args = [...user, '-c', '-D', mails, '-m', String(CONNECTIONS_MAX), `127.0.0.1:${port}`, '1024'];
  const child = spawn(requireFile('smtp-sink'), args, { stdio: ['ignore', file, 'inherit'] });
  const ended = once(child, 'exit');

  function count(): number {
    const tail = Buffer.alloc(COUNTERS_BYTES);
    const bytes = readSync(file, tail, 0, COUNTERS_BYTES, Math.max(0, fstatSync(file).size - COUNTERS_BYTES));
    return Number([...tail.toString('latin1', 0, bytes).matchAll(/mesg=(\d+)\r/g)].at(-1)?.[1] ?? 0);
  }

  async function stop(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
  }

  const sink: BenchSink = {
    port,
    pid: child.pid ?? 0,
    count,
    async reached(wanted, waitMs) {
      for (const giveUpAt = performance.now() + waitMs; count() < wanted; await setTimeout(POLL_MS)) {
        if (performance.now() > giveUpAt)
          throw new Error(`${count()} of ${wanted} mails came in ${waitMs} ms`);
      }
    },
    async ids() {
      await stop();
      return existsSync(mails) ? readRecipients(mails) : [];
    },
    async [Symbol.asyncDispose]() {
      await stop();
      closeSync(file);
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await listening(port);
  } catch (error) {
    await sink[Symbol.asyncDispose]();
    throw error;
  }
  return sink;
}

/** The dump has the envelope in lines before each mail; nothing in our mails looks like them. */
async function readRecipients(mails: string): Promise<string[]> {
  const ids: string[] = [];
  let carried = '';
  for await (const chunk of createReadStream(mails, { encoding: 'latin1', highWaterMark: 1024 * 1024 })) {
    const text = carried + String(chunk);
    let next = 0;
    for (;;) {
      const at = text.indexOf(RECIPIENT, next);
      const end = at === -1 ? -1 : text.indexOf('@', at);
      if (end === -1) break;
      ids.push(text.slice(at + RECIPIENT.length, end));
      next = end;
    }
    carried = text.slice(Math.max(next, text.length - LINE_BYTES_MAX));
  }
  return ids;
}
