// Asks regularly whether the store is reachable. When it has been unreachable for a while, all
// objects are visited, so that no condition claims that mail is accepted; and once more when it is
// reachable again.

import { operatorLimits } from '../../services/core/limits/operator.ts';
import { runningLimits } from '../../services/core/limits/running.ts';
import type { Clock } from '../../services/ports/clock.ts';

interface StoreWatchParts {
  readonly clock: Clock;
  /** Resolves if the store replies. */
  readonly check: () => Promise<void>;
  /** Called when `isDown` has changed. */
  readonly onChange: () => void;
}

export class StoreWatch {
  readonly #parts: StoreWatchParts;
  /** By the monotonic clock; null: the last check got a reply. */
  #unreachableSince: number | null = null;
  #isDown = false;

  constructor(parts: StoreWatchParts) {
    this.#parts = parts;
  }

  /** True when the store has been unreachable for `operatorLimits.storeDownAfterMs`. */
  get isDown(): boolean {
    return this.#isDown;
  }

  /** Until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    while (!signal.aborted) {
      const askedAt = clock.monotonic();
      this.#record((await this.#isReachable(signal)) ? null : (this.#unreachableSince ?? askedAt));
      await clock.sleep(operatorLimits.storeAskEveryMs, signal);
    }
  }

  async #isReachable(signal: AbortSignal): Promise<boolean> {
    const answered = new AbortController();
    try {
      return await Promise.race([
        this.#parts.check().then(
          () => true,
          () => false,
        ),
        this.#parts.clock
          .sleep(runningLimits.readinessCheckMs, AbortSignal.any([signal, answered.signal]))
          .then(() => false),
      ]);
    } finally {
      answered.abort();
    }
  }

  #record(since: number | null): void {
    this.#unreachableSince = since;
    const isDown = since !== null && this.#parts.clock.monotonic() - since >= operatorLimits.storeDownAfterMs;
    if (isDown === this.#isDown) return;
    this.#isDown = isDown;
    this.#parts.onChange();
  }
}
