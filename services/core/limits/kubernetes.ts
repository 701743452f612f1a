// Calls to the Kubernetes API server, leader election and Events.

import { MINUTE, SECOND } from './units.ts';

export const kubernetesLimits = {
  kubernetesCallMs: 15 * SECOND,
  /** Calls at a time, beside one watch for each kind and namespace. */
  kubernetesCallsMax: 16,
  kubernetesPageSize: 500,
  /** A watch ends after one to two of these, and goes on from where it was. */
  watchSeconds: 300,
  /**
   * The server sends a bookmark about once a minute; silence beyond this is a connection whose
   * other end is gone.
   */
  kubernetesIdleMs: 150 * SECOND,
  /** All objects are listed again this often, whatever the watch says. */
  relistEveryMs: 10 * MINUTE,
  /** Kubelets replace a token of an hour after 48 minutes; client-go reads it as often. */
  serviceAccountReadEveryMs: MINUTE,
  /** A server that wants to be left alone for longer is mistaken. */
  kubernetesRetryAfterMaxMs: 5 * MINUTE,
  kubernetesRetryMinMs: 500,
  kubernetesRetryMaxMs: 30 * SECOND,
  reconcileRetryMinMs: 500,
  reconcileRetryMaxMs: 5 * MINUTE,
  /**
   * Characters of an object's name that the names of its Secrets and Events begin with: a name has
   * at most 253.
   */
  objectNamePrefixMax: 200,
  /**
   * The leader's Lease: how long it lasts, by when the leader must have renewed it, and how often
   * candidates look.
   */
  electionSeconds: 15,
  electionRenewByMs: 10 * SECOND,
  electionRetryMs: 2 * SECOND,
  /** An Event is not repeated within this time. */
  eventAgainMs: 10 * MINUTE,
  eventsUnderWayMax: 100,
  eventsRememberedMax: 10_000,
  /** Limits of the API server. */
  eventNoteCharsMax: 1_024,
  eventInstanceCharsMax: 128,
} as const;
