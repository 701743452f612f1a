// At most `doorLimits.parsersMax` large bodies are parsed at a time, each in a thread, and very
// large ones one by one; the others wait on disk, in their order. A thread starts when a body first
// needs it. The pool ends a thread that has parsed a very large body, because only the end of a
// thread frees all of its memory, and a thread that exceeded its memory or its time.

import { Worker } from 'node:worker_threads';
import type { Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import { tooLarge, unavailable } from '../refusals.ts';
import type { ParseJob, ParseResult, ParserTypes } from './parse-worker.ts';

interface Waiting {
  readonly job: ParseJob;
  readonly resolve: (result: ParseResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What one thread may use: MiB of V8's heap, and milliseconds for each body. */
export interface ParserLimits {
  readonly heapMib: number;
  readonly parseMs: number;
}

export class ParserPool implements AsyncDisposable {
  readonly #types: ParserTypes;
  readonly #limits: ParserLimits;
  readonly #idle: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #ending = new Set<Promise<unknown>>();
  #busy = 0;
  #bytes = 0;

  constructor(
    types: ParserTypes,
    limits: ParserLimits = { heapMib: doorLimits.parserHeapMib, parseMs: doorLimits.parseMs },
  ) {
    this.#types = types;
    this.#limits = limits;
  }

  /**
   * Refuses the request when too many wait already, and when its body takes more memory or time
   * than a thread has. Rejects when a thread fails for another reason, which is a bug.
   */
  async parse(job: ParseJob): Promise<ParseResult> {
    if (this.#waiting.length >= doorLimits.parserQueueMax) {
      return { refused: unavailable('Too many large requests at a time; try again soon.') };
    }
    const { promise, resolve, reject } = Promise.withResolvers<ParseResult>();
    this.#waiting.push({ job, resolve, reject });
    this.#next();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((worker) => this.#end(worker)));
    await Promise.all(this.#ending);
  }

  #next(): void {
    const [first] = this.#waiting;
    if (
      first === undefined ||
      this.#busy >= doorLimits.parsersMax ||
      this.#bytes + first.job.bytes > doorLimits.parserBytesMax
    )
      return;
    this.#waiting.shift();
    this.#busy++;
    this.#bytes += first.job.bytes;
    void this.#run(first);
    this.#next();
  }

  /** Never rejects: each waiting request gets the error. */
  async #run({ job, resolve, reject }: Waiting): Promise<void> {
    const worker = this.#idle.pop() ?? this.#start();
    try {
      resolve(await ask(worker, job, this.#limits.parseMs));
      if (job.bytes > doorLimits.parserKeptBytesMax) await this.#end(worker);
      else this.#idle.push(worker);
    } catch (error) {
      const refused = refusalOf(error);
      if (refused === null) reject(error);
      else resolve({ refused });
      await this.#end(worker);
    }
    this.#busy--;
    this.#bytes -= job.bytes;
    this.#next();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./parse-worker.ts', import.meta.url), {
      workerData: this.#types,
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.heapMib },
    });
    // An error between two bodies, or while the thread ends, must not end the process: an 'error'
    // event without a listener is an uncaught exception. A body would wait for an ended thread.
    worker.on('error', () => {});
    worker.once('exit', () => {
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    return worker;
  }

  async #end(worker: Worker): Promise<void> {
    const ended = worker.terminate();
    this.#ending.add(ended);
    await ended;
    this.#ending.delete(ended);
  }
}

class TookTooLong extends Error {
  override readonly name = 'TookTooLong';
}

function ask(worker: Worker, job: ParseJob, parseMs: number): Promise<ParseResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ParseResult>();
  const late = setTimeout(() => reject(new TookTooLong('a parser took too long')), parseMs);
  const gone = (): void => reject(new Error('a parser ended before its answer'));
  worker.once('message', resolve).once('error', reject).once('exit', gone).postMessage(job);
  return promise.finally(() => {
    clearTimeout(late);
    worker.off('message', resolve).off('error', reject).off('exit', gone);
  });
}

/**
 * Null: a bug. The memory that a body needs depends on the body alone, so repeating the request is
 * useless; the time also depends on the load of the machine.
 */
function refusalOf(error: unknown): Refusal | null {
  if (error instanceof TookTooLong)
    return unavailable('Reading this request took too long; try again soon, or send a smaller request.');
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? tooLarge('Reading this request takes too much memory. Send fewer or shorter fields.')
    : null;
}
