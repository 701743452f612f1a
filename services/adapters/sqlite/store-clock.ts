// The store's clock of embedded mode: the clocks of the machine, combined by
// `core/time/store-time.ts`. It has no timer: each call of `now` moves it on.

import { storeLimits } from '../../core/limits/store.ts';
import { nextStoreTime, type StoreTime, startStoreTime } from '../../core/time/store-time.ts';
import type { Clock } from '../../ports/clock.ts';
import type { StoreClock } from '../../ports/store-clock.ts';

type MachineClock = Pick<Clock, 'now' | 'monotonic' | 'uptime'>;

export class SqliteStoreClock implements StoreClock {
  readonly #machine: MachineClock;
  #latest: StoreTime;
  /** The wall clock less the monotonic clock when the uptime was last read. */
  #offset: number;

  /** `lastStored`: the latest time in the store, or null if it has none. */
  constructor(machine: MachineClock, lastStored: number | null) {
    this.#machine = machine;
    const [wall, monotonic, uptime] = [machine.now(), machine.monotonic(), machine.uptime()];
    this.#latest = startStoreTime({ wall, monotonic, uptime }, lastStored);
    this.#offset = wall - monotonic;
  }

  /** Whole milliseconds since 1970; never goes back. */
  now(): number {
    const [wall, monotonic] = [this.#machine.now(), this.#machine.monotonic()];
    this.#latest = nextStoreTime(this.#latest, { wall, monotonic, uptime: this.#uptime(wall - monotonic) });
    return Math.floor(this.#latest.time);
  }

  /**
   * Node reads the uptime from a file, in 10 µs. A suspension moves the wall clock as well, so the
   * uptime is read only when the wall clock has moved.
   */
  #uptime(offset: number): number | null {
    if (Math.abs(offset - this.#offset) <= storeLimits.storeClockStepMs) return null;
    this.#offset = offset;
    return this.#machine.uptime();
  }
}
