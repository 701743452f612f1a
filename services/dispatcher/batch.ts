// The entries that were taken together. A batch owns them and settles each exactly once: acked once what became of its delivery is stored (R3), or
// left to come again.

import type { Taken } from '../ports/work-queue.ts';

export class Batch {
  readonly entries: readonly Taken[];
  readonly #unsettled: Set<Taken>;
  readonly #onSettled: (entry: Taken) => void;

  /** `onSettled` is called once for each entry. */
  constructor(entries: readonly Taken[], onSettled: (entry: Taken) => void) {
    this.entries = entries;
    this.#unsettled = new Set(entries);
    this.#onSettled = onSettled;
  }

  /** Acks the entry: what became of its delivery is stored, or there is nothing to store. An entry that is settled already stays as it is. */
  settle(entry: Taken): void {
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
