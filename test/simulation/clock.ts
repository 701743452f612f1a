// The time of a simulated world. Time does not pass while anything can run and then jumps to the
// next sleeper, so hours pass in milliseconds, always in the same order. Each sleeper wakes in an
// event-loop turn of its own: all that follows from its waking is done before the next sleeper
// wakes.

import type { Clock } from '../../services/ports/clock.ts';

/**
 * Asked when a sleep of `ms` is over: for how many milliseconds to sleep on without waking, or null
 * to wake.
 */
export type SleepOn = (ms: number) => number | null;

interface Sleeper {
  at: number;
  readonly order: number;
  /** Null once it was woken or called off. */
  wake: (() => void) | null;
  readonly sleepOn: (() => number | null) | null;
}

export class WorldClock implements Clock {
  /** A heap: the next to wake is at 0. */
  readonly #sleepers: Sleeper[] = [];
  #elapsed = 0;
  #suspended = 0;
  #stepped = 0;
  /** Earlier settings of the wall clock. */
  readonly #settings: { readonly stepped: number; readonly until: number }[] = [];
  #order = 0;
  /** Turns taken so far: what a world costs. */
  turns = 0;

  now(): number {
    return START + this.#elapsed + this.#suspended + this.#stepped;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  uptime(): number {
    return this.#elapsed + this.#suspended;
  }

  /** For how long the world was suspended so far. */
  get suspendedMs(): number {
    return this.#suspended;
  }

  /** What the wall clock would show now if the lowest of its settings in the last `ms` were valid. */
  lowest(ms: number): number {
    const inForce = this.#settings.filter(({ until }) => until >= this.#elapsed - ms);
    const least = Math.min(this.#stepped, ...inForce.map(({ stepped }) => stepped));
    return this.now() - this.#stepped + least;
  }

  /** Sets the wall clock forward, or back if `ms` is negative. */
  step(ms: number): void {
    this.#settings.push({ stepped: this.#stepped, until: this.#elapsed });
    this.#stepped += ms;
  }

  /** Suspends the world for `ms`: nothing wakes, and monotonic time does not pass. */
  suspend(ms: number): void {
    this.#suspended += ms;
  }

  /** How many sleepers there are, for a bound on the memory of a world. */
  get asleep(): number {
    return this.#sleepers.reduce((count, s) => count + (s.wake === null ? 0 : 1), 0);
  }

  sleep(ms: number, signal?: AbortSignal, sleepOn: SleepOn | null = null): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', callOff);
        resolve();
      };
      const sleeper = this.at(this.#elapsed + ms, wake, sleepOn === null ? null : () => sleepOn(ms));
      const callOff = (): void => {
        sleeper.wake = null;
        resolve();
      };
      signal?.addEventListener('abort', callOff, { once: true });
    });
  }

  /**
   * Calls `wake` when the monotonic time is `at`; with `sleepOn`, only once `sleepOn` returns null.
   */
  at(at: number, wake: () => void, sleepOn: (() => number | null) | null = null): Sleeper {
    const sleeper: Sleeper = { at: Math.max(this.#elapsed, at), order: this.#order++, wake, sleepOn };
    this.#push(sleeper);
    return sleeper;
  }

  /**
   * Lets time pass until `isOver`, which is asked once a turn. False when that never happened:
   * after `turnsMax` turns, or because nothing sleeps any more.
   */
  run(isOver: () => boolean, turnsMax: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const turn = (): void => {
      if (isOver()) resolve(true);
      else if (this.turns++ < turnsMax && this.#wakeNext()) setImmediate(turn);
      else resolve(false);
    };
    setImmediate(turn);
    return promise;
  }

  /** False when nothing sleeps. */
  #wakeNext(): boolean {
    for (;;) {
      const next = this.#pop();
      if (next === undefined) return false;
      if (next.wake === null) continue;
      this.#elapsed = next.at;
      const more = next.sleepOn?.() ?? null;
      if (more === null) {
        const { wake } = next;
        next.wake = null;
        wake();
        return true;
      }
      next.at += more;
      this.#push(next);
    }
  }

  #push(sleeper: Sleeper): void {
    const heap = this.#sleepers;
    let i = heap.push(sleeper) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || isBefore(parent, sleeper)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = sleeper;
  }

  #pop(): Sleeper | undefined {
    const heap = this.#sleepers;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || first === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      let down = heap[child];
      const right = heap[child + 1];
      if (down !== undefined && right !== undefined && isBefore(right, down)) {
        down = right;
        child += 1;
      }
      if (down === undefined || isBefore(last, down)) break;
      heap[i] = down;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

const START = 1_750_000_000_000;
const isBefore = (a: Sleeper, b: Sleeper): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
