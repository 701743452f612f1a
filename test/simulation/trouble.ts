// Which faults a simulated world has at the moment, and until when their consequences last. The
// promises on time make exceptions for that long.

import { queueLimits } from '../../services/core/limits/queue.ts';
import type { WorldClock } from './clock.ts';
import { type FaultRates, noFaults, type Settings } from './settings.ts';

export class Trouble {
  readonly #clock: WorldClock;
  readonly #settings: Settings;
  #until = Number.NEGATIVE_INFINITY;
  #storesDownUntil = 0;

  constructor(clock: WorldClock, settings: Settings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Of calls made now. */
  get faults(): FaultRates {
    return this.#clock.monotonic() < this.#settings.faultsMs ? this.#settings.faults : noFaults;
  }

  /** Monotonic. */
  get until(): number {
    return this.#until;
  }

  /** Monotonic. Every call to a store fails until then. */
  get storesDownUntil(): number {
    return this.#storesDownUntil;
  }

  /** A fault lasts until the given monotonic time. */
  lastUntil(until: number): void {
    // entries that a process took and never acked hold their places in a bounded queue for so long
    const heldMs = Number.isFinite(this.#settings.windowMax) ? queueLimits.ackWaitMs : 0;
    this.#until = Math.max(this.#until, until + heldMs);
  }

  takeStoresDown(ms: number): void {
    this.#storesDownUntil = this.#clock.monotonic() + ms;
    this.lastUntil(this.#storesDownUntil);
  }
}
