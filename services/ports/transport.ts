// Handing a message to the next hop. It says what happened and decides nothing: what an answer means is `core/delivery/reply.ts`.

import type { Address } from '../core/address.ts';
import type { Route } from '../core/catalog/catalog.ts';
import type { Answer } from '../core/delivery/reply.ts';

/** One message to one recipient, as it goes over the wire. */
export interface Transaction {
  /** Null: the null return path, `<>`. */
  readonly mailFrom: Address | null;
  readonly rcptTo: Address;
  /** An address of the envelope needs SMTPUTF8 (RFC 6531); headers are always encoded. A server that does not offer it is not asked. */
  readonly smtpUtf8: boolean;
  /**
   * Complete and signed: header and body, lines ended by CRLF; dots are stuffed here. Read once, and only after the server's 354, so a transaction
   * that is refused before has read nothing.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Size of the body in bytes for SIZE (RFC 1870), null when unknown. A body over the server's limit is not sent. */
  readonly bytes: number | null;
  /**
   * Asked once, when all but the last `smtpOutLimits.heldBackBytes` have been written (R6). Only `true` sends the rest and the final dot; `false` and a
   * throw close the connection. `send` never settles before a question that it asked has been answered.
   */
  beforeDot(): Promise<boolean>;
  /**
   * Aborted before `beforeDot` is asked: `aborted`. Later: `lost` while the dot is not written, `answer_lost` when it may be. The connection is
   * closed in any case.
   */
  readonly signal: AbortSignal;
}

export interface TlsUsed {
  /** For example `TLSv1.3`. */
  readonly version: string;
  /** Chain and name of the certificate were good. Required by `StartTLS` and `Implicit`, never by `Opportunistic`. */
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
  /** The dialogue, at most `smtpOutLimits.transcriptBytesMax`, without AUTH and body. Holds addresses: for a blob, never for a log. Null when accepted. */
  readonly transcript: string | null;
  /** What `beforeDot` or `body` threw, for a log; undefined otherwise. */
  readonly cause?: unknown;
}

/** A turn on one connection to a route. Not for concurrent use. Disposing gives the turn back; the connection may be kept for others. */
export interface Session extends AsyncDisposable {
  readonly kind: 'session';

  /**
   * One transaction. Promises that a body whose `beforeDot` did not answer true can never be delivered, and that `accepted` means a 2xx to the final
   * dot. Opens a new connection when the last one has ended; a kept connection that turns out to be dead before the server answered
   * anything is replaced once, and the envelope said again. The body is never sent twice.
   * Never rejects: every trouble, also of opening, is a report. Throws only for what is a bug: a control character inside an address.
   */
  send(transaction: Transaction): Promise<Report>;
}

export interface Transport extends AsyncDisposable {
  /**
   * A turn on a connection to this route: a kept one, or a new one with TLS and login done. Waits while `smtpOutLimits.connectionsPerRouteMax` are in use,
   * first come first served. Never rejects: what fails is the report. `Opportunistic` may dial twice. Credentials are only ever sent over verified TLS.
   */
  open(route: Route, options: { readonly signal: AbortSignal }): Promise<Session | Report>;
}
