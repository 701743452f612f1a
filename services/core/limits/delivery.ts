// Deciding about a delivery: retries, age, leases, lapses and holds.

import { HOUR, MINUTE, SECOND } from './units.ts';

export const deliveryLimits = {
  /**
   * A dispatcher renews the leases of what it has in hand, so this is how long mail of a killed one
   * waits, not how long an SMTP server may take.
   */
  leaseMs: 60 * SECOND,
  /**
   * What `PACKETBOAT_LEASE_SECONDS` may ask for: a store that is slow for a second must not end
   * leases, and ten minutes of waiting helps nobody.
   */
  leaseMinMs: 6 * SECOND,
  leaseMaxMs: 600 * SECOND,
  lapsesMax: 5,
  lapseDelayMs: 30 * SECOND,
  lapseDelayMaxMs: 600 * SECOND,
  /**
   * How often mail that waits for its sender (suspended, or gone from the catalog) is looked at
   * again.
   */
  heldRecheckMs: 60 * SECOND,
  refusalAboutUsMs: 30 * SECOND,
  /** Attempts counted before a transient failure bounces: one more than there are delays. */
  retryDelaysMs: [30 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR] as readonly number[],
  retryJitter: 0.1,
  maxAgeMs: 48 * HOUR,
  /** What a Sender may ask for: a day and more is normal for mail, a month is a mistake. */
  retryDelaysMax: 20,
  retryDelayMaxMs: 7 * 24 * HOUR,
  maxAgeMaxMs: 30 * 24 * HOUR,
  replyCharsMax: 500,
  /** As much as two programs may think differently of the store's time: a slow round trip each. */
  clockSkewMs: 250,
} as const;
