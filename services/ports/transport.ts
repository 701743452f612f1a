// Sends a mail to the next hop and reports what happened. `core/delivery/reply.ts` decides what a
// reply means for the delivery.

import type { Address } from '../core/address.ts';
import type { Route } from '../core/catalog/catalog.ts';
import type { Answer } from '../core/delivery/reply.ts';

/** A mail's bytes: all in memory, or read while they are sent. */
export type MailBytes = readonly Uint8Array[] | AsyncIterable<Uint8Array>;

/** One message to one recipient, as it goes over the wire. */
export interface Transaction {
  /** Null: the null reverse-path, `<>`. */
  readonly mailFrom: Address | null;
  readonly rcptTo: Address;
  /**
   * A header needs SMTPUTF8 (RFC 6531), for example a UTF-8 local part in From; an address of the
   * envelope that needs SMTPUTF8 is found by the transport. The transport declares SMTPUTF8 with
   * MAIL. To a server that does not offer it the transport sends no MAIL: the report is `refused`,
   * 550 5.6.7.
   */
  readonly smtpUtf8: boolean;
  /**
   * Complete and signed: header and body, lines ended by CRLF. The transport stuffs the dots. It
   * reads the body once, and only after the server's 354, so a transaction that is rejected earlier
   * reads nothing.
   */
  readonly body: MailBytes;
  /**
   * Size of the body in bytes as composed (RFC 1870: without the stuffed dots). The transport
   * declares the size with MAIL where the server offers SIZE. To a server with a smaller maximum it
   * sends no MAIL: the report is `refused`, 552 5.3.4.
   */
  readonly bytes: number;
  /**
   * The fence (R6), called once. When it is called, nothing of a body in memory is on the wire; the
   * body and its dot are then one write (above `smtpOutLimits.smtpOneWriteBytes` several, of which
   * the last has the dot). Of a body that is streamed, all but the last
   * `smtpOutLimits.heldBackBytes` are on the wire. Only `true` sends the rest and the final dot;
   * `false` and a throw close the connection. `send` never resolves before this call has.
   */
  beforeDot(): Promise<boolean>;
  /**
   * Aborted before `beforeDot` is called: the report is `aborted`. Later: `lost` while the dot is
   * not written, `answer_lost` when it may be. The connection is closed in any case.
   */
  readonly signal: AbortSignal;
}

export interface TlsUsed {
  /** For example `TLSv1.3`. */
  readonly version: string;
  /**
   * The chain and the name of the certificate are valid. `StartTLS` and `Implicit` require that,
   * `Opportunistic` does not.
   */
  readonly verified: boolean;
}

/**
 * Milliseconds spent in each stage; null for a stage that was not reached. Will be read by the list
 * of a message's attempts, once the API has it.
 */
interface Timings {
  /** From the dial to the end of AUTH; null on a connection that was kept. */
  readonly open: number | null;
  /** MAIL to 354. */
  readonly envelope: number | null;
  /** 354 to the final dot, including the wait for `beforeDot`. */
  readonly body: number | null;
  /** The final dot to its reply. */
  readonly dot: number | null;
}

/** A reply with its circumstances. */
export interface Report extends Answer {
  /** The host that replied or failed to reply. */
  readonly host: string;
  /** The local address of the connection, null when there was none. */
  readonly source: string | null;
  /** Null: without TLS, or never connected. */
  readonly tls: TlsUsed | null;
  readonly timings: Timings;
  /**
   * The SMTP dialogue without AUTH and body, at most `smtpOutLimits.transcriptBytesMax`. Null when
   * accepted. Contains addresses: it may be stored as a blob, never logged. Will be read by the
   * list of a message's attempts, once the API has it.
   */
  readonly transcript: string | null;
  /** The error that `beforeDot` or `body` threw, for a log; undefined otherwise. */
  readonly cause?: unknown;
}

/**
 * The use of one connection to a route, for one transaction at a time. Disposing ends the use; the
 * transport may keep the connection for the next one.
 */
export interface Session extends AsyncDisposable {
  readonly kind: 'session';

  /**
   * One transaction. Promises that a body whose `beforeDot` did not return true can never be
   * delivered, and that `accepted` means a 2xx to the final dot. Opens a new connection when the
   * last one has ended. When a kept connection ends, or the server replies 421, before the server
   * has accepted MAIL, the connection is replaced at once, a single time, and the envelope is sent
   * again. The body is never sent twice. Never rejects: every failure, also of opening, is a
   * report. Throws only for a bug: a control character inside an address.
   */
  send(transaction: Transaction): Promise<Report>;
}

export interface Transport extends AsyncDisposable {
  /**
   * A connection to this route: one that was kept, or a new one after TLS and login. Waits while
   * `smtpOutLimits.connectionsPerRouteMax` are in use, first come first served. Tries the addresses
   * of the host in order, at most `smtpOutLimits.smtpAddressesMax`, until one is ready
   * for MAIL; the report is that of the last failure. Never rejects. `Opportunistic` may dial an
   * address twice, and so may a login: when the server refuses a mechanism (502, 504, 535) and
   * offers another that the credentials can use, a new connection tries that one, once. Credentials
   * are sent only over verified TLS, and only by a mechanism that the server offers; otherwise the
   * report is `fault` with reason `auth`, and its text names what the server offers.
   */
  open(route: Route, options: { readonly signal: AbortSignal }): Promise<Session | Report>;
}
