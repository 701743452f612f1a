// The operator: visits, DKIM keys and the contents of a status.

import { HOUR, MINUTE, SECOND } from './units.ts';

export const operatorLimits = {
  /** Warnings in the status of a Template. */
  warningsShownMax: 50,
  /** Objects of one kind that are reconciled at the same time. */
  reconcileWorkers: 4,
  /** How often objects are counted by their condition Ready, for metrics. */
  countReadyEveryMs: 2 * SECOND,
  /** How long the tenant of a namespace is cached before its label is read again. */
  tenantKnownMs: 30 * SECOND,
  /** Wait before an object is reconciled again after the store failed. */
  reconcileStoreRetryMs: 5 * SECOND,
  /**
   * How long the start of the operator waits for a namespace whose objects the API server does not
   * return, if the reason may end soon.
   */
  namespacesWaitMs: 30 * SECOND,
  /** How often the operator asks whether the store is reachable. */
  storeAskEveryMs: 2 * SECOND,
  /**
   * How long the store has to be unreachable before the conditions of all objects say so: longer
   * than an election in MongoDB takes.
   */
  storeDownAfterMs: 15 * SECOND,
  /** Waits from this length on are in `status.nextVisitTime`: each new time is a write. */
  visitShownFromMs: MINUTE,
  /** How often DNS is checked while a required record, or the record of a new key, is missing. */
  domainRecheckMs: 60 * SECOND,
  /**
   * How long DNS must have had the record of a new DKIM key before that key replaces an older one:
   * resolvers cache for up to a day.
   */
  dkimStandbyMs: 24 * HOUR,
  /** How long a retired DKIM key is kept, because mail that it signed may still be in transit. */
  dkimRetiringMs: 7 * 24 * HOUR,
  /**
   * Part of a sender's verification period after which a visit checks DNS again: the visit at the
   * end of the period may come a moment early.
   */
  dnsPeriodShare: 0.95,
  /** Faults in the message of a condition. */
  faultsInMessageMax: 5,
  /** Wait before a Sender is published again whose name belongs to a sender that still drains. */
  drainingRetryMs: 30 * SECOND,
  /**
   * Time from a deletion to the comparison of objects and catalog, so that one comparison finds many
   * deletions.
   */
  compareDelayMs: 5 * SECOND,
  /**
   * How often a comparison is repeated for the namespaces that it could not list. The API server keeps
   * a watch that began before a Role was lost, so no failed watch tells that the Role is back.
   */
  compareAgainMs: 30 * SECOND,
  /**
   * Objects of one namespace that may be missing at once. If more are missing, and more than half,
   * an administrator decides.
   */
  missingObjectsMax: 10,
  /** How often all objects are compared with the catalog, in case a change was missed. */
  operatorSweepEveryMs: 10 * MINUTE,
} as const;
