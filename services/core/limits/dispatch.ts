// A dispatcher: deliveries in flight, leases, routes and the figures of senders.

import { MINUTE, SECOND } from './units.ts';

export const dispatchLimits = {
  /**
   * How often one batch decides about a delivery whose change or claim the store refuses. Mostly
   * the sweeper has only recorded that it published the entry. A delivery that changes more often
   * is left to a later entry.
   */
  entryTriesMax: 3,
  /**
   * How often a change of a leased delivery is tried. Others change such a delivery a few times at
   * most: a cancel, a lapse, another claim.
   */
  leasedChangeTriesMax: 8,
  /** Part of a lease after which the dispatcher renews it: 20 s of 60. */
  leaseRenewShare: 1 / 3,
  /**
   * Last part of a lease in which the dispatcher sends no final dot: 10 s of 60. The dispatcher
   * trusts its lease for less time than the store does.
   */
  leaseMarginShare: 1 / 6,
  /**
   * Deliveries in flight in one dispatcher. One route may have half of those that are free, which
   * is ten for each of its connections.
   */
  deliveriesInFlightMax: 400,
  /**
   * A route is slow if its deliveries stay in flight this long. Deliveries for which a slow route
   * has no room go back to the store, so that they do not block other routes.
   */
  routeSlowMs: 1 * SECOND,
  /**
   * How long such deliveries wait in the store. A shorter wait would load the store; with a longer
   * one a route that has become fast would be idle.
   */
  routeHoldMinMs: 1 * SECOND,
  routeHoldMaxMs: 30 * SECOND,
  /** First wait of a delivery that failed here although its route works. */
  releaseDelayMs: 5 * SECOND,
  /** Longest wait of such a delivery: `releaseDelayMs` doubles with each try. */
  releaseDelayMaxMs: 10 * MINUTE,
  /** How long a route is paused after a fault of the route, such as a wrong password. */
  routePausedMs: 30 * SECOND,
  /** Wait before the record of an outcome is tried again, while the store is lost. */
  recordRetryMs: 1 * SECOND,
  /** How often a dispatcher writes the figures of its senders. */
  figuresToldEveryMs: 10 * SECOND,
  /** Time that one document of figures covers: twelve documents make the last hour. */
  figuresSlotMs: 5 * MINUTE,
  /** How often the operator writes the figures into the status of a Sender. */
  figuresShownEveryMs: 60 * SECOND,
  /** DKIM keys that a dispatcher keeps ready to sign: about 3 KB each. */
  signingKeysMax: 1_000,
} as const;
