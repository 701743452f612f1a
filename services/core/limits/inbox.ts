// The development inbox: enough mail for a day's work.

import { KIB, MIB } from './units.ts';

export const inboxLimits = {
  /** Mails in the inbox. The oldest are deleted first. */
  inboxMailsMax: 1_000,
  /** Bytes of all mails on disk. The oldest are deleted first. */
  inboxBytesMax: 500 * MIB,
  /**
   * Bytes of one mail. The inbox must accept every mail that Packetboat sends: `mailBytesMax`, and
   * its signatures.
   */
  inboxMailBytesMax: 200 * MIB,
  /** Bytes of a mail's start that are kept in memory, to find its headers. */
  inboxHeadBytes: 64 * KIB,
  /** SMTP connections at the same time. */
  inboxConnectionsMax: 500,
  /** At shutdown, how long connections may take to end by themselves. */
  inboxCloseMs: 500,
} as const;
