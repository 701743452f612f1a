// Group commit: the writes of several callers go to the server as one bulk. A durable write of many
// items costs little more than that of one, so a call that arrives while bulks are in flight waits
// for the next bulk. No call waits for a timer.

import { Failure } from '../../core/failure.ts';
import { storeLimits } from '../../core/limits/store.ts';

interface Request<Item, Answer> {
  readonly items: readonly Item[];
  /** By the monotonic clock: after this the caller has given up, and the items are not written. */
  readonly until: number;
  resolve(answers: readonly Answer[]): void;
  reject(error: unknown): void;
}

export class Gatherer<Item, Answer> {
  readonly #write: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #waiting: Request<Item, Answer>[] = [];
  #underWay = 0;
  #isStarting = false;

  /** `write` returns its results in the order of the items. */
  constructor(write: (items: readonly Item[]) => Promise<readonly Answer[]>) {
    this.#write = write;
  }

  /** Resolves with the results of these items, in their order. Rejects when their bulk does. */
  add(items: readonly Item[]): Promise<readonly Answer[]> {
    if (items.length === 0) return Promise.resolve([]);
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>();
    this.#waiting.push({ items, until: performance.now() + storeLimits.storeCallMs, resolve, reject });
    this.#start();
    return promise;
  }

  /** Runs at the end of this turn of the event loop, so that all calls of the turn share a bulk. */
  #start(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    setImmediate(() => {
      this.#isStarting = false;
      while (this.#waiting.length > 0 && this.#underWay < storeLimits.storeBulksMax)
        void this.#go(this.#take());
    });
  }

  /** As many whole calls as fit into one bulk, at least one. */
  #take(): Request<Item, Answer>[] {
    const now = performance.now();
    const taken: Request<Item, Answer>[] = [];
    let count = 0;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (taken.length > 0 && count + next.items.length > storeLimits.storeBulkItemsMax) break;
      this.#waiting.shift();
      if (next.until <= now) {
        next.reject(new Failure('unavailable', 'the store was too busy'));
        continue;
      }
      taken.push(next);
      count += next.items.length;
    }
    return taken;
  }

  /** Never rejects: a failure rejects the call of each caller. */
  async #go(requests: readonly Request<Item, Answer>[]): Promise<void> {
    if (requests.length === 0) return;
    this.#underWay += 1;
    try {
      const answers = await this.#write(requests.flatMap((request) => request.items));
      let start = 0;
      for (const { items, resolve } of requests) {
        resolve(answers.slice(start, start + items.length));
        start += items.length;
      }
    } catch (error) {
      for (const { reject } of requests) reject(error);
    } finally {
      this.#underWay -= 1;
      if (this.#waiting.length > 0) this.#start();
    }
  }
}
