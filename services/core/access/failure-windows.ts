// Counts failures of one process in windows of time. A window starts with its first failure and
// ends after `accessLimits.failureWindowMs`.

import { BoundedMap } from '../bounded-map.ts';
import { accessLimits } from '../limits/access.ts';

export interface WindowCount {
  /** Failures in the current window, including the one just counted. */
  readonly count: number;
  /** Milliseconds until the window ends; at least 1. */
  readonly endsInMs: number;
}

export class FailureWindows {
  /** In the order of their start, which is also the order of their end. */
  readonly #windows: BoundedMap<string, { count: number; readonly endsAt: number }>;

  constructor(max: number = accessLimits.failureWindowsMax) {
    this.#windows = new BoundedMap(max);
  }

  /** The number of windows in memory, including those that ended since the last `add`. */
  get size(): number {
    return this.#windows.size;
  }

  /** @param now monotonic milliseconds */
  add(name: string, now: number): WindowCount {
    this.#forgetEnded(now);
    const window = this.#windows.get(name) ?? this.#begin(name, now);
    window.count += 1;
    return { count: window.count, endsInMs: Math.max(1, Math.ceil(window.endsAt - now)) };
  }

  #begin(name: string, now: number): { count: number; readonly endsAt: number } {
    const window = { count: 0, endsAt: now + accessLimits.failureWindowMs };
    this.#windows.set(name, window);
    return window;
  }

  #forgetEnded(now: number): void {
    for (const [name, { endsAt }] of this.#windows) {
      if (endsAt > now) return;
      this.#windows.delete(name);
    }
  }
}
