// Group commit: what several callers want written goes to the server as one bulk. A durable write
// of many costs little more than one of a single item, so whoever comes while bulks are under way
// waits for the next, and nobody waits for a timer.

import { Failure } from '../../core/failure.ts';
import { storeLimits } from '../../core/limits/store.ts';

interface Request<Item, Answer> {
  readonly items: readonly Item[];
  /** By the monotonic clock: after this nobody waits for it, and it is not written any more. */
  readonly until: number;
  resolve(answers: readonly Answer[]): void;
  reject(error: unknown): void;
}

export class Gatherer<Item, Answer> {
  readonly #write: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly #waiting: Request<Item, Answer>[] = [];
  #underWay = 0;
  #isStarting = false;

  /** `write` answers in the order of the items. */
  constructor(write: (items: readonly Item[]) => Promise<readonly Answer[]>) {
    this.#write = write;
  }

  /** The answers to these items, in their order. Rejects as the bulk they went with did. */
  add(items: readonly Item[]): Promise<readonly Answer[]> {
    if (items.length === 0) return Promise.resolve([]);
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>();
    this.#waiting.push({ items, until: performance.now() + storeLimits.storeCallMs, resolve, reject });
    this.#start();
    return promise;
  }

  /** At the end of this turn of the event loop, so that all callers of the turn go together. */
  #start(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    setImmediate(() => {
      this.#isStarting = false;
      while (this.#waiting.length > 0 && this.#underWay < storeLimits.storeBulksMax)
        void this.#go(this.#take());
    });
  }

  /** As many whole requests as one bulk holds, at least one. */
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

  /** Never rejects: each caller hears of a failure. */
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
