// Tasks of the command line.

import { SECOND } from './units.ts';

export const tasksLimits = {
  /**
   * Seconds for which `packetboat release-finalizers` holds the leader's Lease, which stops all
   * operators: Helm deletes them right afterwards.
   */
  releaseLeaseSeconds: 120,
  /** How often `packetboat self-test` asks for the message's status. */
  selfTestEveryMs: 500,
  /** Timeout of one request of `packetboat self-test`. */
  selfTestAnswerMs: 10 * SECOND,
} as const;
