// The operator: visits, sweeps and what a status shows.

import { HOUR, MINUTE, SECOND } from './units.ts';

export const operatorLimits = {
  warningsShownMax: 50,
  reconcileWorkers: 4,
  /** How often objects are counted for metrics, by their condition Ready. */
  countReadyEveryMs: 2 * SECOND,
  /** How long the tenant of a namespace is remembered before its label is read again. */
  tenantKnownMs: 30 * SECOND,
  /** A store that did not take an object is tried again. */
  reconcileStoreRetryMs: 5 * SECOND,
  /**
   * How long a sender waits for the next look at its DNS records while a required one, or the
   * record of a new key, is not there.
   */
  domainRecheckMs: 60 * SECOND,
  /**
   * How long DNS must have shown the record of a new DKIM key before the key replaces an older one:
   * resolvers cache for up to a day.
   */
  dkimStandbyMs: 24 * HOUR,
  /** How long a retired DKIM key stays, because mail that it signed may still be under way. */
  dkimRetiringMs: 7 * 24 * HOUR,
  /**
   * Part of a sender's period after which a visit checks DNS again: a visit at the end of the
   * period may come a moment early.
   */
  dnsPeriodShare: 0.95,
  /** Faults that the message of a condition names. */
  faultsInMessageMax: 5,
  /** How often the mail of a sender that is being deleted is looked for. */
  drainLookMs: 5 * SECOND,
  /** Objects are compared with the catalog this often, whatever happened. */
  operatorSweepEveryMs: 10 * MINUTE,
} as const;
