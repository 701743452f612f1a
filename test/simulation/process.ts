// A simulated process. What it asks of the world goes through `ask`, which is where trouble
// happens: an answer that is late or never comes, a call that fails before or after it was carried
// out, a crash, a freeze. The process runs no code between an `ask` and its answer, so these are
// all the moments there are.

import { Failure } from '../../services/core/failure.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { Chance } from './chance.ts';
import type { SleepOn, WorldClock } from './clock.ts';

/** Probabilities per call, zero in calm weather. */
export interface Weather {
  readonly crash: number;
  readonly freeze: number;
  readonly failure: number;
  readonly delay: number;
}

export const calm: Weather = { crash: 0, freeze: 0, failure: 0, delay: 0 };

export interface Surroundings {
  readonly clock: WorldClock;
  readonly chance: Chance;
  weather(): Weather;
  /** Until when, by the monotonic clock, the stores answer nothing. */
  storesDownUntil(): number;
  note(line: string): void;
  /**
   * Something out of the ordinary goes on until the given time: what the promises make exceptions
   * for.
   */
  troubled(until: number): void;
}

export type Kind = 'ingest' | 'dispatcher' | 'sweeper';

export class Process {
  readonly name: string;
  readonly kind: Kind;
  readonly clock: Clock;
  /** Until when something has been wrong with it; its outcomes in that time may be lost. */
  troubledUntil = Number.NEGATIVE_INFINITY;
  readonly #world: Surroundings;
  readonly #death = new AbortController();
  #frozenUntil = 0;

  /** `skewMs`: how wrong its clock is. */
  constructor(world: Surroundings, kind: Kind, name: string, skewMs: number, sleepOn: SleepOn) {
    this.#world = world;
    this.kind = kind;
    this.name = name;
    this.clock = {
      now: () => world.clock.now() + skewMs,
      monotonic: () => world.clock.monotonic(),
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
    const weather = this.#world.weather();
    if (chance.happens(weather.crash)) this.crash();
    if (chance.happens(weather.freeze)) this.freeze(chance.pick([3_000, 30_000, 75_000, 200_000]));
    if (chance.happens(weather.delay)) {
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
    if (now >= this.#world.storesDownUntil() && !this.#world.chance.happens(this.#world.weather().failure))
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
