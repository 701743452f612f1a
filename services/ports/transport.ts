// Sends a message to the next hop and reports what happened. `core/delivery/reply.ts` decides what
// the answer means.

import type { Address } from '../core/address.ts';
import type { Route } from '../core/catalog/catalog.ts';
import type { Answer } from '../core/delivery/reply.ts';

/** A mail's bytes: all of them in memory, or as they are read. */
export type MailBytes = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** One message to one recipient, as it goes over the wire. */
export interface Transaction {
  /** Null: the null return path, `<>`. */
  readonly mailFrom: Address | null;
  readonly rcptTo: Address;
  /**
   * A header needs SMTPUTF8 (RFC 6531), for example a UTF-8 local part in From; an address of the
   * envelope that needs it is noticed here. The transport declares SMTPUTF8 with MAIL. A server
   * that does not offer it is not asked: `refused`, 550 5.6.7, and no DATA.
   */
  readonly smtpUtf8: boolean;
  /**
   * Complete and signed: header and body, lines ended by CRLF; dots are stuffed here. Read once,
   * and only after the server's 354, so a transaction that is refused before has read nothing.
   */
  readonly body: MailBytes;
  /**
   * Size of the body in bytes as composed (RFC 1870: without the stuffed dots), null when unknown.
   * The transport announces a known size with MAIL where the server offers SIZE. A server that
   * announces a smaller maximum is not asked: `refused`, 552 5.3.4, and no DATA.
   */
  readonly bytes: number | null;
  /**
   * The fence (R6), asked once. Of a body in memory nothing is on the wire when it is asked, and
   * the body and its dot are one write (of a body above `smtpOutLimits.smtpOneWriteBytes` several,
   * and the last of them has the dot). Of a body that is streamed all but the last
   * `smtpOutLimits.heldBackBytes` are written. Only `true` sends the rest and the final dot;
   * `false` and a throw close the connection. `send` never settles before a question that it asked
   * has been answered.
   */
  beforeDot(): Promise<boolean>;
  /**
   * Aborted before `beforeDot` is asked: `aborted`. Later: `lost` while the dot is not written,
   * `answer_lost` when it may be. The connection is closed in any case.
   */
  readonly signal: AbortSignal;
}

export interface TlsUsed {
  /** For example `TLSv1.3`. */
  readonly version: string;
  /**
   * Chain and name of the certificate were good. Required by `StartTLS` and `Implicit`, never by
   * `Opportunistic`.
   */
  readonly verified: boolean;
}

/** Milliseconds spent, each null when it was not reached. */
export interface Timings {
  /** Dial to the end of AUTH; null on a kept connection. */
  readonly open: number | null;
  /** MAIL to 354. */
  readonly envelope: number | null;
  /** 354 to the final dot, waiting for `beforeDot` included. */
  readonly body: number | null;
  /** The final dot to its answer. */
  readonly dot: number | null;
}

/** An answer with its circumstances. */
export interface Report extends Answer {
  /** The host that answered, or should have. */
  readonly host: string;
  /** The local address that the connection left from, null when there was none. */
  readonly source: string | null;
  /** Null: in the clear, or never connected. */
  readonly tls: TlsUsed | null;
  readonly timings: Timings;
  /**
   * The dialogue, at most `smtpOutLimits.transcriptBytesMax`, without AUTH and body. Holds
   * addresses: for a blob, never for a log. Null when accepted.
   */
  readonly transcript: string | null;
  /** What `beforeDot` or `body` threw, for a log; undefined otherwise. */
  readonly cause?: unknown;
}

/**
 * A turn on one connection to a route. Not for concurrent use. Disposing gives the turn back; the
 * connection may be kept for others.
 */
export interface Session extends AsyncDisposable {
  readonly kind: 'session';

  /**
   * One transaction. Promises that a body whose `beforeDot` did not answer true can never be
   * delivered, and that `accepted` means a 2xx to the final dot. Opens a new connection when the
   * last one has ended. A kept connection that turns out to be worn out (it ends, or is told 421,
   * before the server has taken MAIL) is replaced at once and once, and the envelope is said again.
   * The body is never sent twice. Never rejects: every trouble, also of opening, is a report.
   * Throws only for what is a bug: a control character inside an address.
   */
  send(transaction: Transaction): Promise<Report>;
}

export interface Transport extends AsyncDisposable {
  /**
   * A turn on a connection to this route: a kept one, or a new one with TLS and login done. Waits
   * while `smtpOutLimits.connectionsPerRouteMax` are in use, first come first served. The addresses
   * of a host are tried in turn, at most `smtpOutLimits.smtpAddressesMax`, until one is ready for
   * MAIL; the report has the failure of the last one. Never rejects. `Opportunistic` may dial an
   * address twice, and so may a login: when the server refuses a mechanism (502, 504, 535) and
   * offers another that the credentials can use, a new connection tries that one, once. Credentials
   * are only ever sent over verified TLS, and only by a mechanism that the server offers; else
   * `fault` with reason `auth`, whose text names what the server offers.
   */
  open(route: Route, options: { readonly signal: AbortSignal }): Promise<Session | Report>;
}
