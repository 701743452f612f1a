// The development inbox: enough to look back over a day's work.

import { KIB, MIB } from './units.ts';

export const inboxLimits = {
  inboxMailsMax: 1_000,
  inboxBytesMax: 500 * MIB,
  /**
   * One mail. Content of `bodyBytesMax` may grow threefold as quoted-printable, and the inbox must
   * not be what refuses it.
   */
  inboxMailBytesMax: 200 * MIB,
  /** As much of a mail's head as is kept in memory to find its subject. */
  inboxHeadBytes: 64 * KIB,
  inboxConnectionsMax: 500,
  /** At shutdown, how long connections may finish by themselves. */
  inboxCloseMs: 500,
} as const;
