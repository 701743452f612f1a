// A clock that a test advances. Sleeps end in the order of their times, each at exactly its time.

import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.ts';

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

export class ManualClock implements Clock {
  /** Ordered by time; sleeps that end at the same time are in the order of their calls. */
  readonly #sleepers: Sleeper[] = [];
  #wallStart: number;
  #elapsed = 0;
  #suspended = 0;

  /** `start`: milliseconds since 1970. */
  constructor(start = 1_750_000_000_000) {
    this.#wallStart = start;
  }

  now(): number {
    return this.#wallStart + this.#elapsed + this.#suspended;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  uptime(): number {
    return this.#elapsed + this.#suspended;
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

  /** Milliseconds until the next sleep ends; null when there is none. */
  get nextMs(): number | null {
    const next = this.#sleepers[0];
    return next === undefined ? null : Math.max(0, next.until - this.#elapsed);
  }

  /** Sets the wall clock forward, or back if `ms` is negative. */
  step(ms: number): void {
    this.#wallStart += ms;
  }

  /** Suspends the machine for `ms`: its monotonic clock and all sleeps stop meanwhile. */
  suspend(ms: number): void {
    this.#suspended += ms;
  }

  /**
   * Advances the time and ends each sleep at its own time. Before each step all work that is ready
   * runs, so that a sleep that starts after another has ended also ends at its own time.
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
