// A clock that a test moves. Sleeps end in the order of their times, each when the clock stands
// exactly there.

import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.ts';

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

export class ManualClock implements Clock {
  /** By time, and by order of falling asleep where that is the same. */
  readonly #sleepers: Sleeper[] = [];
  readonly #start: number;
  #elapsed = 0;

  /** `start`: milliseconds since 1970. */
  constructor(start = 1_750_000_000_000) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper: Sleeper = {
      until: this.#elapsed + Math.max(0, ms),
      wake: () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      },
    };
    const giveUp = (): void => {
      this.#sleepers.splice(this.#sleepers.indexOf(sleeper), 1);
      resolve();
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    const later = this.#sleepers.findIndex((other) => other.until > sleeper.until);
    this.#sleepers.splice(later < 0 ? this.#sleepers.length : later, 0, sleeper);
    return promise;
  }

  /** When the next sleeper wakes, in milliseconds from now; null: nobody sleeps. */
  get nextMs(): number | null {
    const next = this.#sleepers[0];
    return next === undefined ? null : Math.max(0, next.until - this.#elapsed);
  }

  /**
   * Moves time on, waking each sleeper at its own time. Before each step all work that is ready
   * runs, so what a woken one starts (another sleep within the span, say) happens at its time as
   * well.
   */
  async advance(ms: number): Promise<void> {
    await setImmediate();
    const end = this.#elapsed + ms;
    for (;;) {
      const next = this.#sleepers[0];
      if (next === undefined || next.until > end) break;
      this.#sleepers.shift();
      this.#elapsed = Math.max(this.#elapsed, next.until);
      next.wake();
      await setImmediate();
    }
    this.#elapsed = Math.max(this.#elapsed, end);
  }
}
