// The rules of a delivery: leases, lapses, retries, age and holds.

import { HOUR, MINUTE, SECOND } from './units.ts';

export const deliveryLimits = {
  /**
   * Length of a lease. A dispatcher renews its leases, so this is how long the mail of a killed
   * dispatcher waits, not how long an SMTP server may take.
   */
  leaseMs: 60 * SECOND,
  /**
   * Lowest and highest value of `PACKETBOAT_LEASE_SECONDS`. Below 6 s a store that is slow for a
   * second ends leases; above ten minutes the mail of a killed dispatcher only waits longer.
   */
  leaseMinMs: 6 * SECOND,
  leaseMaxMs: 600 * SECOND,
  /** The lapse that ends a delivery: five killed dispatchers are hardly a coincidence. */
  lapsesMax: 5,
  /** Wait after a lapse, so that a message that crashes dispatchers does not crash all at once. */
  lapseDelayMs: 30 * SECOND,
  /**
   * Lapses without that wait, at starts of embedded mode. Two kills in a row are an
   * administrator's; mail that was in hand at the end of three processes may be what ends them.
   */
  lapsesWithoutDelayMax: 2,
  /** Highest value of the setting of that wait. */
  lapseDelayMaxMs: 600 * SECOND,
  /**
   * How often a delivery is planned again whose sender is suspended, not verified, without a route
   * or missing in the catalog.
   */
  heldRecheckMs: 60 * SECOND,
  /**
   * First wait after a refusal about us (of the sender, the server or our address). It doubles with
   * each further refusal, up to 32 times: 16 minutes.
   */
  refusalAboutUsMs: 30 * SECOND,
  /** Waits between attempts unless the Sender names others: six attempts in 7 h 35 min. */
  retryDelaysMs: [30 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR] as readonly number[],
  /** Part of a wait that is added at random, at most: mail deferred together returns spread out. */
  retryJitter: 0.1,
  /** Age at which waiting mail bounces unless the Sender names another. */
  maxAgeMs: 48 * HOUR,
  /** Waits that a Sender may list. */
  retryDelaysMax: 20,
  /** Longest wait that a Sender may list. Days are usual for mail; a month is a mistake. */
  retryDelayMaxMs: 7 * 24 * HOUR,
  /** Highest `maxAge` of a Sender. */
  maxAgeMaxMs: 30 * 24 * HOUR,
  /** Characters of a server's reply that are stored and shown. */
  replyCharsMax: 500,
  /** Largest difference between two programs' clocks of the store: one slow round trip each. */
  clockSkewMs: 250,
} as const;
