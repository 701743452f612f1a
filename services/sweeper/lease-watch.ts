// The sweeper's look at the store's clock before it judges leases. After a step of that clock it
// takes back no lease for a while (`core/delivery/lapse-pause.ts`).

import { type LapsePause, lapsePause } from '../core/delivery/lapse-pause.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import type { Sweeper } from './sweeper-parts.ts';

/** The store's time, and whether leases that have ended by it may be taken back. */
export interface Look {
  readonly now: number;
  readonly isPaused: boolean;
}

export class LeaseWatch {
  readonly #s: Pick<Sweeper, 'messages' | 'clock' | 'leaseMs'>;
  #pause: LapsePause | null = null;

  constructor(s: Pick<Sweeper, 'messages' | 'clock' | 'leaseMs'>) {
    this.#s = s;
  }

  look(): Look {
    const { messages, clock, leaseMs = deliveryLimits.leaseMs } = this.#s;
    const monotonic = clock.monotonic();
    const now = messages.now();
    const errorMs = clock.monotonic() - monotonic;
    this.#pause = lapsePause(this.#pause, { now, monotonic, errorMs, leaseMs });
    return { now, isPaused: monotonic < this.#pause.until };
  }

  /**
   * Looks after a new measurement: another program may have followed a step already, and its leases
   * would seem to be over by the clock before the step. Rejects when the store fails.
   */
  async measure(): Promise<Look> {
    await this.#s.messages.measureClock();
    return this.look();
  }
}
