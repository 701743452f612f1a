// The store's clock of a simulated world. In a cluster MongoDB has the clock, and each process
// knows it from its last measurement, as `adapters/mongo/server-clock.ts` does. Embedded, all
// processes are one machine with the clock of `adapters/sqlite/store-clock.ts`, whose speed a law
// limits.

import { SqliteStoreClock } from '../../services/adapters/sqlite/store-clock.ts';
import { storeLimits } from '../../services/core/limits/store.ts';
import type { Chance } from './chance.ts';
import type { WorldClock } from './clock.ts';
import type { Break } from './laws.ts';

/** The store's clock as one process sees it. */
export interface SeenClock {
  now(): number;
  /**
   * The latest time that a decision may have read that the process carries out now: after the clock
   * went back, a time that `now` reaches again later.
   */
  reached(): number;
  measure(): void;
  /** What `now` would show if nothing had been measured since the last call of `measure`. */
  measured(): number;
}

export interface WorldStoreClock {
  /** The time in the store itself. */
  now(): number;
  /** For a process that starts. */
  seen(): SeenClock;
}

/** How long a process may take to carry out a decision: frozen, and with late calls. */
const DECISION_MS = 300_000;

/** MongoDB's clock. */
export class ClusterClock implements WorldStoreClock {
  readonly #clock: WorldClock;
  readonly #chance: Chance;
  #offset = 0;

  constructor(clock: WorldClock, chance: Chance) {
    this.#clock = clock;
    this.#chance = chance;
  }

  now(): number {
    return this.#clock.now() + this.#offset;
  }

  /** The primary's clock steps, or another primary has another clock. */
  jump(ms: number): void {
    this.#offset += ms;
  }

  seen(): SeenClock {
    const clock = this.#clock;
    let offset = this.#offset;
    let nextAt = clock.monotonic() + this.#chance.between(0, storeLimits.storeClockEveryMs);
    let measuredOffset = Number.NEGATIVE_INFINITY;
    let wentBack = { by: 0, at: Number.NEGATIVE_INFINITY };
    const follow = (): void => {
      if (this.#offset < offset) wentBack = { by: offset - this.#offset, at: clock.monotonic() };
      offset = this.#offset;
    };
    const now = (): number => {
      if (clock.monotonic() >= nextAt) {
        nextAt = clock.monotonic() + storeLimits.storeClockEveryMs;
        follow();
      }
      return clock.now() + offset;
    };
    const reached = (): number => now() + (clock.monotonic() - wentBack.at < DECISION_MS ? wentBack.by : 0);
    const measure = (): void => {
      follow();
      measuredOffset = offset;
    };
    return { now, reached, measure, measured: () => clock.now() + measuredOffset };
  }
}

/** The clock of embedded mode, and the law about its speed. */
export class EmbeddedClock implements WorldStoreClock {
  readonly #clock: WorldClock;
  readonly #break: Break;
  readonly #moved: () => void;
  #store: SqliteStoreClock;
  #last: { readonly time: number; readonly monotonic: number; readonly suspended: number };

  /** `moved` is called when the store's time moved in one step. */
  constructor(clock: WorldClock, breakLaw: Break, moved: () => void) {
    this.#clock = clock;
    this.#break = breakLaw;
    this.#moved = moved;
    this.#store = new SqliteStoreClock(clock, null);
    this.#last = { time: this.#store.now(), monotonic: 0, suspended: 0 };
  }

  now(): number {
    const time = this.#store.now();
    this.#judge(time);
    return time;
  }

  seen(): SeenClock {
    const now = (): number => this.now();
    return { now, reached: now, measure: () => {}, measured: now };
  }

  /** The process starts, and its clock with it. The store has seen the latest time. */
  restart(): void {
    const [monotonic, suspended] = [this.#clock.monotonic(), this.#clock.suspendedMs];
    this.#store = new SqliteStoreClock(this.#clock, this.now());
    this.#last = { time: this.#store.now(), monotonic, suspended };
  }

  #judge(time: number): void {
    const [monotonic, suspended] = [this.#clock.monotonic(), this.#clock.suspendedMs];
    const awake = monotonic - this.#last.monotonic;
    const gained = time - this.#last.time - awake - (suspended - this.#last.suspended);
    const slewed = awake * storeLimits.storeClockSlewShare + 1;
    this.#last = { time, monotonic, suspended };
    if (gained > slewed) this.#moved();
    const most = this.#clock.lowest(storeLimits.storeClockStepLastsMs);
    if (gained < -slewed || (gained > slewed && time > most + 1))
      this.#break(
        'R5: the store’s clock neither stands still nor hurries',
        `${gained} ms gained in ${awake} ms`,
      );
  }
}
