// SMTP out (RFC 5321 section 4.5.3.2, shortened where the RFC leaves a client its own judgement).

import { KIB, MIB, MINUTE, SECOND } from './units.ts';

export const smtpOutLimits = {
  connectionsPerRouteMax: 20,
  messagesPerConnectionMax: 100,
  connectionIdleMs: 30 * SECOND,
  /**
   * Bytes at the end of a body that is streamed from a blob, held back until `committing` is
   * durable. All of a body in memory is held back.
   */
  heldBackBytes: 64,
  transcriptBytesMax: 16 * KIB,
  smtpConnectMs: 30 * SECOND,
  smtpGreetingMs: 60 * SECOND,
  smtpSocketMs: 2 * MINUTE,
  /**
   * After the final dot: RFC 5321 wants 10 minutes, because an impatient client sends a second
   * copy.
   */
  smtpDotMs: 10 * MINUTE,
  /** An answer to QUIT is worth little; past this the connection is closed without it. */
  smtpQuitMs: 2 * SECOND,
  /**
   * Of one reply; a longer reply closes the connection. RFC 5321 4.5.3.1.5 allows 512 bytes a line,
   * and replies have few lines. `transcriptBytesMax` of a reply are kept.
   */
  smtpReplyBytesMax: 1 * MIB,
  /** A mail in memory up to this size and its final dot are one write. A larger mail is written in pieces of this size, so that a connection that is
   * lost between two pieces is known to have been lost before the dot. */
  smtpOneWriteBytes: 64 * KIB,
  /** Names of mechanisms that a server offers, in the message of a paused route: a server may offer hundreds. */
  mechanismsShownMax: 10,
  /** Addresses of a relay host that one attempt tries: as many as Postfix does. */
  smtpAddressesMax: 5,
} as const;
