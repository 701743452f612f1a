// The leases that this dispatcher holds. All are renewed in one turn of the event loop, long before
// they end, so that the store gets the renewals as one bulk.

import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { DeliveryInHand } from './delivery-in-hand.ts';
import { type Dispatcher, leaseOf } from './dispatcher-parts.ts';

export class Leases {
  readonly #d: Pick<Dispatcher, 'clock' | 'leaseMs' | 'report'>;
  readonly #held = new Set<DeliveryInHand>();

  constructor(d: Pick<Dispatcher, 'clock' | 'leaseMs' | 'report'>) {
    this.#d = d;
  }

  add(hand: DeliveryInHand): void {
    this.#held.add(hand);
  }

  delete(hand: DeliveryInHand): void {
    this.#held.delete(hand);
  }

  /** Renews until the signal aborts. Never rejects. */
  async keep(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#d.clock.sleep(leaseOf(this.#d) * dispatchLimits.leaseRenewShare, signal);
      if (signal.aborted) return;
      const renewals = [...this.#held].map((hand) =>
        hand.renew().catch((error: unknown) => this.#d.report('a lease could not be renewed', error)),
      );
      await Promise.all(renewals);
    }
  }
}
