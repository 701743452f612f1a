// The thread that owns the database file, because a sync of a real disk takes up to 5 ms and must
// not block the event loop. It runs each group of jobs as one transaction and replies once that is
// durable.

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { Failure } from '../../core/failure.ts';
import { storeLimits } from '../../core/limits/store.ts';
import { FileGuard } from './file-guard.ts';
import { migrate } from './schema.ts';
import type { FromThread, Group, JobResult, Result, Row } from './statement.ts';

const port = parentPort;
if (port === null) throw new Error('this file runs as a thread');

const prepared: { readonly statement: StatementSync; readonly isQuery: boolean }[] = [];

/**
 * EXCLUSIVE keeps a second process out; the operating system releases the lock when the process
 * ends, however it ends. FULL: a commit is on the disk when it returns. The cache holds the recent
 * end of the indexes; temporary tables stay in memory.
 */
const SETTINGS = `
  PRAGMA busy_timeout = 1000;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = OFF;
  PRAGMA cache_size = -65536;
  PRAGMA temp_store = MEMORY;
  PRAGMA wal_autocheckpoint = 4000;
  PRAGMA journal_size_limit = ${storeLimits.sqliteLogBytes};
`;

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec(SETTINGS);
    database.exec('BEGIN IMMEDIATE; COMMIT'); // takes the lock
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** The code under which a fault of the files reaches the caller as `unavailable`. */
const SQLITE_IOERR = 10;

interface Opened {
  readonly database: DatabaseSync;
  readonly guard: FileGuard;
}

function run(job: Group['jobs'][number]): Result[] {
  return job.map(([number, ...parameters]) => {
    const known = prepared[number];
    if (known === undefined) throw new Error(`statement ${number} was not prepared`);
    return known.isQuery
      ? (known.statement.all(...parameters) as unknown as Row[])
      : Number(known.statement.run(...parameters).changes);
  });
}

/**
 * Runs all jobs or none. Reads are part of the transaction too, so that no caller sees a change
 * that could still be lost.
 */
function transact({ database, guard }: Opened, jobs: Group['jobs']): JobResult[] {
  guard.check();
  database.exec('BEGIN IMMEDIATE');
  try {
    const answers = jobs.map((job) => ({ results: run(job) }));
    database.exec('COMMIT');
    guard.check();
    return answers;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK'); // SQLite has rolled back by itself when the disk is full
    throw error;
  }
}

function answer(opened: Opened, group: Group): JobResult[] {
  for (const [number, { sql, isQuery }] of group.prepare) {
    const statement = opened.database.prepare(sql);
    if (isQuery) statement.setReturnArrays(true);
    prepared[number] = { statement, isQuery };
  }
  try {
    return transact(opened, group.jobs);
  } catch (error) {
    if (group.jobs.length === 1) return [failed(error)];
  }
  // each job again by itself, so that only the one at fault fails
  return group.jobs.map((job) => {
    try {
      return transact(opened, [job])[0] ?? failed(new Failure('internal', 'no answer'));
    } catch (error) {
      return failed(error);
    }
  });
}

/**
 * The fixed text of a SQLite result code. The full messages name columns and statements, and some
 * quote values.
 */
function failed(error: unknown): { readonly error: string; readonly code: number } {
  if (error instanceof Failure)
    return { error: error.message, code: error.kind === 'unavailable' ? SQLITE_IOERR : 0 };
  if (!(error instanceof Error && 'errcode' in error && 'errstr' in error))
    return { error: `a bug (${describeKind(error)})`, code: 0 };
  return { error: `${error.errstr} (${error.errcode})`, code: Number(error.errcode) & 0xff };
}

const describeKind = (error: unknown): string => (error instanceof Error ? error.name : typeof error);

const post = (message: FromThread): void => port.postMessage(message);

try {
  const path = String(workerData);
  const database = open(path);
  const guard = new FileGuard(path, storeLimits.sqliteLogBytes);
  port.on('message', (group: Group | null) => {
    if (group === null) {
      database.close();
      port.close();
    } else {
      post({ answers: answer({ database, guard }, group) });
    }
  });
  post({ opened: true });
} catch (error) {
  const { error: refused, code } = failed(error);
  post({ refused, code });
}
