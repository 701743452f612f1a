// At most `limits.parsersMax` large bodies are parsed at a time, each in a thread; the others wait on disk. Threads start when they are first
// needed, and one that has read a very large body is replaced: only the end of a thread gives all of its memory back.

import { Worker } from 'node:worker_threads';
import { limits } from '../services/core/limits.ts';
import type { ParseJob, ParseResult, ParserTypes } from './parse-worker.ts';
import { unavailable } from './refusal.ts';

/** MiB of V8's heap, per parser: twice a body of 50 MiB whose text V8 keeps in two bytes a character, and room. */
const HEAP_MIB = 384;

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

  constructor(types: ParserTypes) {
    this.#types = types;
  }

  /** Refuses when too many wait already. Rejects when a parser breaks, which is a bug, or takes too long. */
  async parse(job: ParseJob): Promise<ParseResult> {
    if (this.#waiting.length >= limits.parserQueueMax) {
      return { refused: unavailable('Too many large requests at a time; try again soon.') };
    }
    const { promise, resolve, reject } = Promise.withResolvers<ParseResult>();
    this.#waiting.push({ job, resolve, reject });
    this.#next();
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#idle.splice(0)) this.#end(worker);
    await Promise.all(this.#ending);
  }

  #next(): void {
    if (this.#busy >= limits.parsersMax) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    this.#busy++;
    void this.#run(waiting);
  }

  /** Never rejects: whoever waits is told. */
  async #run({ job, resolve, reject }: Waiting): Promise<void> {
    const worker = this.#idle.pop() ?? this.#start();
    try {
      resolve(await ask(worker, job));
      if (job.bytes > limits.parserKeptBytesMax) this.#end(worker);
      else this.#idle.push(worker);
    } catch (error) {
      reject(error);
      this.#end(worker);
    }
    this.#busy--;
    this.#next();
  }

  #start(): Worker {
    return new Worker(new URL('./parse-worker.ts', import.meta.url), {
      workerData: this.#types,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
  }

  #end(worker: Worker): void {
    const ended = worker.terminate();
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }
}

function ask(worker: Worker, job: ParseJob): Promise<ParseResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ParseResult>();
  const late = setTimeout(() => reject(new Error('a parser took too long')), limits.parseMs);
  const gone = (): void => reject(new Error('a parser ended before its answer'));
  worker.once('message', resolve).once('error', reject).once('exit', gone).postMessage(job);
  return promise.finally(() => {
    clearTimeout(late);
    worker.off('message', resolve).off('error', reject).off('exit', gone);
  });
}
