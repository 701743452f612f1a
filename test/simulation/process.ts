// A simulated process. Each of its calls to the outside goes through `ask`, where faults happen: the
// answer is late or never comes, the call fails before or after it was carried out, the process
// crashes or freezes. The process runs no code between an `ask` and its answer, so there are no
// other moments for a fault.

import { Failure } from '../../services/core/failure.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { Chance } from './chance.ts';
import type { SleepOn, WorldClock } from './clock.ts';
import type { SeenClock } from './store-clock.ts';

/** Probabilities per call. */
export interface ProcessFaults {
  readonly crash: number;
  readonly freeze: number;
  readonly failure: number;
  readonly delay: number;
}

export interface Surroundings {
  readonly clock: WorldClock;
  readonly chance: Chance;
  /** The probabilities at this time. */
  faults(): ProcessFaults;
  /** The store's clock, for a process that starts. */
  storeClock(): SeenClock;
  /** Until when, by the monotonic clock, every call to a store fails. */
  storesDownUntil(): number;
  note(line: string): void;
  /** A fault lasts until the given time. The promises on time make exceptions for faults. */
  troubled(until: number): void;
}

export type Kind = 'ingest' | 'dispatcher' | 'sweeper';

export class Process {
  readonly name: string;
  readonly kind: Kind;
  readonly clock: Clock;
  readonly storeClock: SeenClock;
  /** Until when its last fault lasts. Outcomes of the process may be lost until then. */
  troubledUntil = Number.NEGATIVE_INFINITY;
  readonly #world: Surroundings;
  readonly #death = new AbortController();
  #frozenUntil = 0;

  /** `skewMs`: how wrong its clock is. */
  constructor(world: Surroundings, kind: Kind, name: string, skewMs: number, sleepOn: SleepOn) {
    this.#world = world;
    this.kind = kind;
    this.name = name;
    this.storeClock = world.storeClock();
    this.clock = {
      now: () => world.clock.now() + skewMs,
      monotonic: () => world.clock.monotonic(),
      uptime: () => world.clock.uptime(),
      sleep: (ms, signal) => this.#sleep(ms, signal, sleepOn),
    };
  }

  get isDead(): boolean {
    return this.#death.signal.aborted;
  }

  get death(): AbortSignal {
    return this.#death.signal;
  }

  crash(): void {
    if (this.isDead) return;
    this.#world.note(`${this.name} crashes`);
    this.#trouble(this.#world.clock.monotonic());
    this.#death.abort();
  }

  /** It ended by itself. */
  end(): void {
    this.#death.abort();
  }

  freeze(ms: number): void {
    this.#world.note(`${this.name} freezes for ${ms}`);
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#world.clock.monotonic() + ms);
    this.#trouble(this.#frozenUntil);
  }

  /** One call to something outside the process. `mayFail`: its port may reject. */
  async ask<T>(work: () => T | Promise<T>, mayFail: boolean): Promise<T> {
    await this.step();
    if (mayFail) this.#failPerhaps('before');
    const answer = await work();
    await this.step();
    if (mayFail) this.#failPerhaps('after');
    return answer;
  }

  /** A moment in which something may happen to the process. Never resolves once it is dead. */
  async step(): Promise<void> {
    const { chance, clock } = this.#world;
    const faults = this.#world.faults();
    if (chance.happens(faults.crash)) this.crash();
    if (chance.happens(faults.freeze)) this.freeze(chance.pick([3_000, 30_000, 75_000, 200_000]));
    if (chance.happens(faults.delay)) {
      const ms = chance.pick([50, 2_000, 20_000]);
      this.#trouble(clock.monotonic() + ms);
      await clock.sleep(ms);
    } else if (chance.happens(0.3)) await clock.sleep(chance.between(0, 5));
    await this.thaw();
  }

  /** Waits while it is frozen, for ever when it is dead. */
  async thaw(): Promise<void> {
    const { clock } = this.#world;
    while (!this.isDead && clock.monotonic() < this.#frozenUntil)
      await clock.sleep(this.#frozenUntil - clock.monotonic());
    if (this.isDead) await new Promise<never>(() => {});
  }

  #failPerhaps(when: 'before' | 'after'): void {
    const now = this.#world.clock.monotonic();
    if (now >= this.#world.storesDownUntil() && !this.#world.chance.happens(this.#world.faults().failure))
      return;
    this.#trouble(now);
    throw new Failure('unavailable', `a simulated fault ${when} the call was carried out`);
  }

  async #sleep(ms: number, signal: AbortSignal | undefined, sleepOn: SleepOn): Promise<void> {
    await this.#world.clock.sleep(ms, signal, sleepOn);
    await this.thaw();
  }

  #trouble(until: number): void {
    this.troubledUntil = Math.max(this.troubledUntil, until);
    this.#world.troubled(until);
  }
}
