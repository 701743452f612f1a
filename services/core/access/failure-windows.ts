// Counts failures of one process in windows of time. A window starts with its first failure and
// ends after `accessLimits.failureWindowMs`.

import { BoundedMap } from '../bounded-map.ts';
import { accessLimits } from '../limits/access.ts';

export interface WindowCount {
  /** In the running window, the one just counted among them. */
  readonly count: number;
  /** Milliseconds until the window ends; at least 1. */
  readonly endsInMs: number;
}

export class FailureWindows {
  /** In the order of their beginning, and so of their end. */
  readonly #windows: BoundedMap<string, { count: number; readonly endsAt: number }>;

  constructor(max: number = accessLimits.failureWindowsMax) {
    this.#windows = new BoundedMap(max);
  }

  /** How many windows are kept, those included that ended since the last call of `add`. */
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
