// Calls to the Kubernetes API server, watches, leader election and Events.

import { MINUTE, SECOND } from './units.ts';

export const kubernetesLimits = {
  /** Timeout of one call to the API server. */
  kubernetesCallMs: 15 * SECOND,
  /** Calls at the same time, apart from one watch for each kind and namespace. */
  kubernetesCallsMax: 16,
  /** Objects in one page of a list: the page size of client-go. */
  kubernetesPageSize: 500,
  /** Seconds after which a watch ends, at a random time up to twice as long, and is resumed. */
  watchSeconds: 300,
  /**
   * A watch without a byte for this long is closed and resumed. The API server sends a bookmark
   * about once a minute.
   */
  kubernetesIdleMs: 150 * SECOND,
  /** How often all objects are listed again, in case a watch has missed a change. */
  relistEveryMs: 10 * MINUTE,
  /**
   * How often the token of the service account is read again, as in client-go. The kubelet replaces
   * a token of one hour after 48 minutes.
   */
  serviceAccountReadEveryMs: MINUTE,
  /** Longest Retry-After that the operator obeys. */
  kubernetesRetryAfterMaxMs: 5 * MINUTE,
  /** First and longest wait before a failed list or watch is retried; the wait doubles. */
  kubernetesRetryMinMs: 500,
  kubernetesRetryMaxMs: 30 * SECOND,
  /** First and longest wait before a failed reconcile is retried; the wait doubles. */
  reconcileRetryMinMs: 500,
  reconcileRetryMaxMs: 5 * MINUTE,
  /**
   * Characters of an object's name with which the names of its Secrets and Events start. A name has
   * at most 253 characters.
   */
  objectNamePrefixMax: 200,
  /** Seconds for which the leader's Lease is valid. */
  electionSeconds: 15,
  /** A leader that has not renewed its Lease for this long stops. */
  electionRenewByMs: 10 * SECOND,
  /** How often the leader renews and candidates look. */
  electionRetryMs: 2 * SECOND,
  /**
   * An Event that repeats within this time of the last one counts up instead of being written
   * again. The API server keeps an Event for an hour.
   */
  eventSeriesMs: 30 * MINUTE,
  /** Events being written at the same time. Further Events are dropped. */
  eventsUnderWayMax: 100,
  /** Events that are remembered in order not to repeat them. */
  eventsRememberedMax: 10_000,
  /** Characters of an Event's note, and of the name of its reporter: limits of the API server. */
  eventNoteCharsMax: 1_024,
  eventInstanceCharsMax: 128,
} as const;
