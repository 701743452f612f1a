// Tasks of the command line.

import { SECOND } from './units.ts';

export const tasksLimits = {
  /** How often `packetboat self-test` asks for the message's status. */
  selfTestEveryMs: 500,
  /** Timeout of one request of `packetboat self-test`. */
  selfTestAnswerMs: 10 * SECOND,
} as const;
