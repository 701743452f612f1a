// At most `doorLimits.parsersMax` large bodies are parsed at a time, each in a thread, and very
// large ones one by one; the others wait on disk, in their order. Threads start when they are first
// needed, and one that has read a very large body is replaced: only the end of a thread gives all
// of its memory back.

import { Worker } from 'node:worker_threads';
import { doorLimits } from '../../services/core/limits/door.ts';
import { unavailable } from '../refusals.ts';
import type { ParseJob, ParseResult, ParserTypes } from './parse-worker.ts';

interface Waiting {
  readonly job: ParseJob;
  readonly resolve: (result: ParseResult) => void;
  readonly reject: (error: unknown) => void;
}

export class ParserPool implements AsyncDisposable {
  readonly #types: ParserTypes;
  readonly #idle: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #ending = new Set<Promise<unknown>>();
  #busy = 0;
  #bytes = 0;

  constructor(types: ParserTypes) {
    this.#types = types;
  }

  /**
   * Refuses when too many wait already. Rejects when a parser breaks, which is a bug, or takes too
   * long.
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
      resolve(await ask(worker, job));
      if (job.bytes > doorLimits.parserKeptBytesMax) await this.#end(worker);
      else this.#idle.push(worker);
    } catch (error) {
      reject(error);
      await this.#end(worker);
    }
    this.#busy--;
    this.#bytes -= job.bytes;
    this.#next();
  }

  #start(): Worker {
    return new Worker(new URL('./parse-worker.ts', import.meta.url), {
      workerData: this.#types,
      resourceLimits: { maxOldGenerationSizeMb: doorLimits.parserHeapMib },
    });
  }

  async #end(worker: Worker): Promise<void> {
    const ended = worker.terminate();
    this.#ending.add(ended);
    await ended;
    this.#ending.delete(ended);
  }
}

function ask(worker: Worker, job: ParseJob): Promise<ParseResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ParseResult>();
  const late = setTimeout(() => reject(new Error('a parser took too long')), doorLimits.parseMs);
  const gone = (): void => reject(new Error('a parser ended before its answer'));
  worker.once('message', resolve).once('error', reject).once('exit', gone).postMessage(job);
  return promise.finally(() => {
    clearTimeout(late);
    worker.off('message', resolve).off('error', reject).off('exit', gone);
  });
}
