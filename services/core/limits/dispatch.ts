// A dispatcher: how much is in flight, how routes share it, and how outcomes are recorded.

import { MINUTE, SECOND } from './units.ts';

export const dispatchLimits = {
  /** Part of a lease after which it is renewed: 20 s of 60. */
  leaseRenewShare: 1 / 3,
  /**
   * The dispatcher trusts its own lease less than the store does: it does not start the final dot
   * in this last part of it, 10 s of 60.
   */
  leaseMarginShare: 1 / 6,
  /**
   * Deliveries in hand at a time, per dispatcher. A route may have as many of them as are free
   * besides: one has half, enough for ten per connection.
   */
  deliveriesInFlightMax: 400,
  /**
   * A route whose deliveries stay in hand this long keeps others waiting: what it has no room for
   * goes back to the store.
   */
  routeSlowMs: 1 * SECOND,
  /**
   * How long such mail waits: not so short that the store is busy with nothing else, nor so long
   * that a route which became fast waits for it.
   */
  routeHoldMinMs: 1 * SECOND,
  routeHoldMaxMs: 30 * SECOND,
  releaseDelayMs: 5 * SECOND,
  routePausedMs: 30 * SECOND,
  /**
   * A delivery that fails here, without its route being at fault, comes back after
   * `releaseDelayMs`, doubled with each try, at most this.
   */
  releaseDelayMaxMs: 10 * MINUTE,
  recordRetryMs: 1 * SECOND,
  /**
   * Figures of senders: how often a dispatcher tells its own, the time that a document is about,
   * and how often the operator shows the sum.
   */
  figuresToldEveryMs: 10 * SECOND,
  figuresSlotMs: 5 * MINUTE,
  figuresShownEveryMs: 60 * SECOND,
  /** Of DKIM, ready to sign, in a dispatcher: about 3 KB each. */
  signingKeysMax: 1_000,
} as const;
