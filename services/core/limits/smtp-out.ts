// Sending over SMTP. Timeouts follow RFC 5321 section 4.5.3.2 and are shorter where the RFC leaves
// the choice to the client.

import { KIB, MIB, MINUTE, SECOND } from './units.ts';

export const smtpOutLimits = {
  /** Connections of one dispatcher to one route: the default of Postfix for one destination. */
  connectionsPerRouteMax: 20,
  /** Mails over one connection, after which a new connection may reach another host. */
  messagesPerConnectionMax: 100,
  /** How long an idle connection is kept for the next mail. */
  connectionIdleMs: 30 * SECOND,
  /**
   * Bytes at the end of a body streamed from a blob that are held back until `committing` is
   * stored. A body in memory is held back whole.
   */
  heldBackBytes: 64,
  /** Characters of a conversation, and of one reply, that are kept. */
  transcriptBytesMax: 16 * KIB,
  /** Timeout of the TCP connection and of the TLS handshake. */
  smtpConnectMs: 30 * SECOND,
  /** Timeout of the server's greeting. */
  smtpGreetingMs: 60 * SECOND,
  /** Timeout of a reply to any command before the final dot, and of a write without progress. */
  smtpSocketMs: 2 * MINUTE,
  /**
   * Timeout of the reply to the final dot: the 10 minutes of RFC 5321, because a client that gives
   * up earlier sends a second copy.
   */
  smtpDotMs: 10 * MINUTE,
  /** Timeout of the reply to QUIT, which is not needed. */
  smtpQuitMs: 2 * SECOND,
  /**
   * Bytes of one reply; a longer reply closes the connection. RFC 5321 4.5.3.1.5 allows 512 bytes a
   * line, and replies have few lines. `transcriptBytesMax` of a reply are kept.
   */
  smtpReplyBytesMax: 1 * MIB,
  /**
   * Bytes of one write. A mail in memory up to this size goes out in one write with its final dot.
   * A larger mail goes out in pieces, so that a connection lost between two pieces was certainly
   * lost before the dot.
   */
  smtpOneWriteBytes: 64 * KIB,
  /** Names of mechanisms in the message of a paused route: a server may offer hundreds. */
  mechanismsShownMax: 10,
  /** Addresses of a relay host that one attempt tries: as many as Postfix. */
  smtpAddressesMax: 5,
} as const;
