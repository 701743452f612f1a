// The entries that were taken together. A batch owns them and settles each exactly once: acked once
// what became of its delivery is stored (R3), or left to come again.

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
   * Acks the entry: what became of its delivery is stored, or there is nothing to store. An entry
   * that is settled already stays as it is.
   */
  settle(entry: TakenEntry): void {
    if (!this.#unsettled.delete(entry)) return;
    entry.ack();
    this.#onSettled(entry);
  }

  /** Leaves all unsettled entries to come again. */
  [Symbol.dispose](): void {
    const left = [...this.#unsettled];
    this.#unsettled.clear();
    for (const entry of left) this.#onSettled(entry);
  }
}
