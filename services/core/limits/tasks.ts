// Tasks of the command line.

import { SECOND } from './units.ts';

export const tasksLimits = {
  /**
   * How long `packetboat release-finalizers` keeps operators away: Helm deletes them right after
   * it.
   */
  releaseLeaseSeconds: 120,
  /** `packetboat self-test`: how often it asks, and how long it waits for one answer. */
  selfTestEveryMs: 500,
  selfTestAnswerMs: 10 * SECOND,
} as const;
