// The number of entries that this dispatcher has taken and not settled, and a way to wait until
// that number or something else that makes room changes.

export class InFlight {
  readonly #metrics: { inFlight(count: number): void };
  #count = 0;
  #waiters: (() => void)[] = [];

  constructor(metrics: { inFlight(count: number): void }) {
    this.#metrics = metrics;
  }

  get count(): number {
    return this.#count;
  }

  add(entries: number): void {
    this.#count += entries;
    this.#metrics.inFlight(this.#count);
  }

  /** One entry is settled. */
  remove(): void {
    this.#count -= 1;
    this.#metrics.inFlight(this.#count);
    this.wake();
  }

  /** Resolves at the next `wake`. */
  change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    return promise;
  }

  /** Resolves every pending `change`. */
  wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  async empty(): Promise<void> {
    while (this.#count > 0) await this.change();
  }
}
