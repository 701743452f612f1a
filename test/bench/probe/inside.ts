// Loaded into every thread of a program under test, before the program itself. It counts what the
// program asks of SQLite, MongoDB, other threads and timers, and takes CPU profiles. The program
// runs unchanged: the counts come from the driver's command monitoring, from async hooks, from
// Linux, and from the prototypes of `node:sqlite` and of message ports. `probes.ts` asks for them.

import { createHook } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import type { Profiler } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { isMainThread, MessagePort, threadId } from 'node:worker_threads';
import type { MongoClient } from 'mongodb';
import { PROBE_COUNTS, PROBE_FOLDER, type ProbeAnswer, type ProbeQuestion } from './probes.ts';

const SAMPLE_US = 500;

const folder = process.env[PROBE_FOLDER];
if (folder !== undefined) {
  const counts = new Map<string, number>();
  const count = (what: string, by = 1): void => void counts.set(what, (counts.get(what) ?? 0) + by);
  if (process.env[PROBE_COUNTS] !== undefined) {
    countSqlite(count);
    countPosts(count);
    countTimers(count);
    if (isMainThread && process.env.MONGODB_URL !== undefined) await countMongo(count);
  }
  serve(join(folder, `${process.pid}-${threadId}.sock`), counts);
}

type Count = (what: string, by?: number) => void;

/** `statement INSERT delivery`, and `statement SELECT` for all reads, since they join tables. */
function countSqlite(count: Count): void {
  const kinds = new WeakMap<StatementSync, string>();
  const kindOf = (statement: StatementSync): string => {
    const known = kinds.get(statement);
    if (known !== undefined) return known;
    const kind = `statement ${kindOfSql(statement.sourceSQL)}`;
    kinds.set(statement, kind);
    return kind;
  };
  for (const name of ['all', 'get', 'iterate', 'run'] as const) {
    before(StatementSync.prototype, name, (statement) => count(kindOf(statement)));
  }
  before(DatabaseSync.prototype, 'exec', (_, sql) => count(`exec ${/^\s*(\w+)/.exec(String(sql))?.[1]}`));
}

function kindOfSql(sql: string): string {
  const [, verb, table] =
    /^\s*(INSERT(?: OR \w+)? INTO|UPDATE(?: OR \w+)?|DELETE FROM)\s+(\w+)/i.exec(sql) ?? [];
  return verb === undefined ? 'SELECT' : `${verb.split(' ')[0]?.toUpperCase()} ${table}`;
}

/** `post`: a message to another thread, counted where it is sent. */
function countPosts(count: Count): void {
  before(MessagePort.prototype, 'postMessage', () => count('post'));
}

/** Every timer, Node's own for sockets included. A timer that is only refreshed is not counted. */
function countTimers(count: Count): void {
  createHook({
    trackPromises: false,
    init: (_, type) => {
      if (type === 'Timeout') count('timer');
    },
  }).enable();
}

/**
 * `command insert messages`, and `documents insert messages` for the documents that it inserts or
 * the updates that it asks for.
 */
async function countMongo(count: Count): Promise<void> {
  const { MongoClient: Client } = await import('mongodb');
  before(Client.prototype, 'connect', (client: MongoClient) => {
    Reflect.set(client, 'monitorCommands', true); // an option that the driver's types leave out
    client.on('commandStarted', ({ commandName, command }) => {
      const what = `${commandName} ${String(command[commandName])}`;
      count(`command ${what}`);
      const parts = [command.documents, command.updates, command.deletes].find(Array.isArray);
      if (parts !== undefined) count(`documents ${what}`, parts.length);
    });
  });
}

/** Calls `look` with the object and the arguments before each call of a method. */
function before<Name extends string, Self extends Record<Name, (...given: never[]) => unknown>>(
  prototype: Self,
  name: Name,
  look: (self: Self, ...given: readonly unknown[]) => void,
): void {
  const method = prototype[name] as unknown as (...given: unknown[]) => unknown;
  Object.defineProperty(prototype, name, {
    ...Object.getOwnPropertyDescriptor(prototype, name),
    value(this: Self, ...given: unknown[]): unknown {
      look(this, ...given);
      return method.apply(this, given);
    },
  });
}

/** Replies to one question per connection. Keeps neither the process nor the thread alive. */
function serve(path: string, counts: ReadonlyMap<string, number>): void {
  const profiler = new Session();
  let cpuBefore = process.threadCpuUsage();
  const answer = async (question: ProbeQuestion): Promise<ProbeAnswer> => {
    switch (question) {
      case 'counts':
        return { kind: 'counts', counts: { ...Object.fromEntries(counts), ...writesOfThread() } };
      case 'startProfile':
        profiler.connect();
        await profiler.post('Profiler.enable');
        await profiler.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
        await profiler.post('Profiler.start');
        cpuBefore = process.threadCpuUsage();
        return { kind: 'started' };
      case 'stopProfile': {
        const { user, system } = process.threadCpuUsage(cpuBefore);
        const { profile }: { readonly profile: Profiler.Profile } = await profiler.post('Profiler.stop');
        profiler.disconnect();
        return { kind: 'profile', profile, cpuUs: user + system };
      }
    }
  };
  createServer((socket) => {
    socket.setEncoding('utf8').once('data', (question) => {
      void answer(String(question) as ProbeQuestion).then((said) => socket.end(JSON.stringify(said)));
    });
  })
    .listen(path)
    .unref();
}

/**
 * `write`: system calls of this thread that write, which are those to sockets, files and the pipe
 * that wakes another thread.
 */
function writesOfThread(): Readonly<Record<string, number>> {
  const text = readFileSync('/proc/thread-self/io', 'latin1');
  return { write: Number(/^syscw: (\d+)$/m.exec(text)?.[1] ?? 0) };
}
