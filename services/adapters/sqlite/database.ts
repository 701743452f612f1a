// One database file, its thread, and the group commit: jobs that arrive while a transaction runs
// share the next one, so that many writers share one sync. All stores of embedded mode use the same
// database; its opener closes it.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Failure } from '../../core/failure.ts';
import { storeLimits } from '../../core/limits/store.ts';
import type { FromThread, Group, JobResult, Result, Statement, Step } from './statement.ts';

interface Job {
  readonly steps: readonly Step[];
  /** By the monotonic clock of the process. */
  readonly deadline: number;
  readonly resolve: (results: readonly Result[]) => void;
  readonly reject: (failure: Failure) => void;
}

const SQLITE_BUSY = 5;
const SQLITE_CANTOPEN = 14;
/**
 * Result codes for faults of the disk or the machine, not of the caller: busy, locked, no memory,
 * read-only, I/O error, corrupt, full, cannot open.
 */
const unavailable: ReadonlySet<number> = new Set([SQLITE_BUSY, 6, 7, 8, 10, 11, 13, 14]);

/**
 * Opens or creates `packetboat.db` in the folder. Throws `Failure('conflict')` when another process
 * has the file open, and `Failure('unavailable')` when it cannot be opened or was written by a
 * later version.
 */
export async function openDatabase(folder: string): Promise<Database> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const worker = new Worker(new URL('./thread.ts', import.meta.url), {
    name: 'packetboat-sqlite',
    workerData: join(folder, 'packetboat.db'),
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<FromThread>();
  worker.once('message', resolve);
  worker.once('error', reject);
  const first = await promise;
  worker.off('error', reject);
  if ('opened' in first) return new Database(worker);
  await worker.terminate();
  const [cause, code] = 'refused' in first ? [first.refused, first.code] : ['it answered out of turn', 0];
  if (code === SQLITE_BUSY)
    throw new Failure('conflict', `another process is using the data folder ${folder}; stop it first`);
  const hint = code === SQLITE_CANTOPEN ? '. The process must be able to read and write the folder.' : '';
  throw new Failure('unavailable', `cannot open the database in ${folder}: ${cause}${hint}`);
}

/** The part of the database that the stores use. */
export type Jobs = Pick<Database, 'run'>;

export class Database implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #numbers = new Map<string, number>();
  #unprepared: [number, Statement][] = [];
  #waiting: Job[] = [];
  #flying: Job[] = [];
  #isSending = false;
  readonly #timer = setInterval(() => this.#giveUpLate(), storeLimits.storeCallMs / 10).unref();
  #lost: Failure | undefined;
  readonly #ended = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<Failure>();
  #idle: (() => void) | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (message: FromThread) => this.#land('answers' in message ? message.answers : []));
    worker.on('error', (cause) =>
      this.#fail(new Failure('unavailable', 'the database thread has failed', { cause })),
    );
    worker.on('exit', () => {
      this.#fail(new Failure('unavailable', 'the database is closed'));
      this.#ended.resolve();
    });
  }

  /**
   * Resolves when the thread has ended before this object was disposed. Every later call rejects:
   * only a new process has a database again.
   */
  get failed(): Promise<Failure> {
    return this.#failed.promise;
  }

  /**
   * Runs the steps in order, as a part of one transaction, and resolves with one result per step
   * once the transaction is durable. When a step fails, the whole job is rolled back. Rejects with
   * `unavailable` after `storeLimits.storeCallMs`; the job may still run later.
   */
  run(steps: readonly Step[]): Promise<readonly Result[]> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    if (this.#waiting.length >= storeLimits.sqliteJobsMax)
      return Promise.reject(new Failure('unavailable', 'the database has too much to do'));
    const { promise, resolve, reject } = Promise.withResolvers<readonly Result[]>();
    this.#waiting.push({ steps, deadline: performance.now() + storeLimits.storeCallMs, resolve, reject });
    if (!this.#isSending && this.#flying.length === 0) {
      this.#isSending = true;
      queueMicrotask(() => this.#send()); // jobs of the same turn of the event loop join the group
    }
    return promise;
  }

  /** Runs the pending jobs first. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lost ??= new Failure('unavailable', 'the database is closed');
    if (this.#isSending || this.#flying.length > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#worker.postMessage(null);
    await this.#ended.promise;
  }

  #send(): void {
    this.#isSending = false;
    this.#flying = this.#waiting.splice(0, storeLimits.sqliteGroupJobsMax);
    if (this.#flying.length === 0) {
      this.#idle?.();
      return;
    }
    const jobs = this.#flying.map(({ steps }) =>
      steps.map(([statement, ...parameters]) => [this.#number(statement), ...parameters] as const),
    );
    const group: Group = { prepare: this.#unprepared, jobs };
    this.#unprepared = [];
    this.#worker.postMessage(group);
  }

  #land(answers: readonly JobResult[]): void {
    this.#flying.forEach(({ resolve, reject }, i) => {
      const answer = answers[i];
      if (answer === undefined) reject(new Failure('internal', 'the database returned no result'));
      else if ('results' in answer) resolve(answer.results);
      else
        reject(
          new Failure(
            unavailable.has(answer.code) ? 'unavailable' : 'internal',
            `the database failed: ${answer.error}`,
          ),
        );
    });
    this.#send();
  }

  #number(statement: Statement): number {
    let number = this.#numbers.get(statement.sql);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(statement.sql, number);
      this.#unprepared.push([number, statement]);
    }
    return number;
  }

  #giveUpLate(): void {
    const now = performance.now();
    for (const job of [...this.#flying, ...this.#waiting])
      if (job.deadline <= now) job.reject(new Failure('unavailable', 'the database did not finish in time'));
    this.#waiting = this.#waiting.filter((job) => job.deadline > now);
  }

  #fail(failure: Failure): void {
    if (this.#lost === undefined) this.#failed.resolve(failure);
    this.#lost ??= failure;
    clearInterval(this.#timer);
    for (const job of [...this.#flying, ...this.#waiting]) job.reject(failure);
    this.#flying = [];
    this.#waiting = [];
    this.#idle?.();
  }
}
