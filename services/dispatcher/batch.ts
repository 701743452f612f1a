// The entries that were taken together. A batch owns them and settles each exactly once: it acks an
// entry once the outcome of its delivery is stored (R3), or leaves it to the queue, which delivers
// it again.

import type { TakenEntry } from '../ports/work-queue.ts';

export class Batch {
  readonly entries: readonly TakenEntry[];
  readonly #unsettled: Set<TakenEntry>;
  readonly #onSettled: (entry: TakenEntry) => void;

  /** `onSettled` is called once for each entry. */
  constructor(entries: readonly TakenEntry[], onSettled: (entry: TakenEntry) => void) {
    this.entries = entries;
    this.#unsettled = new Set(entries);
    this.#onSettled = onSettled;
  }

  /**
   * Acks the entry: the outcome of its delivery is stored, or there is nothing to store. Does
   * nothing for an entry that is already settled.
   */
  settle(entry: TakenEntry): void {
    if (!this.#unsettled.delete(entry)) return;
    entry.ack();
    this.#onSettled(entry);
  }

  /** Leaves all unsettled entries to the queue. */
  [Symbol.dispose](): void {
    const left = [...this.#unsettled];
    this.#unsettled.clear();
    for (const entry of left) this.#onSettled(entry);
  }
}
