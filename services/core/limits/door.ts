// The HTTP door: bodies, headers, connections and parsers of a gateway.

import { KIB, MIB, MINUTE, SECOND } from './units.ts';

export const doorLimits = {
  /**
   * One HTTP body or one SMTP DATA. 50 MB is what the hosted services promise; 50 MiB keeps that
   * promise.
   */
  bodyBytesMax: 50 * MIB,
  /**
   * A body up to this size is read into memory and parsed on the event loop; a larger one goes to
   * disk and to a parser.
   */
  bodyInMemoryBytes: 64 * KIB,
  /** Bodies above `bodyInMemoryBytes` that are parsed at a time, per gateway. */
  parsersMax: 2,
  /**
   * Bytes of them together: parsing takes five times its body's size, with what the collector has
   * not come to yet.
   */
  parserBytesMax: 64 * MIB,
  /**
   * Bodies that may wait for a parser; further ones are told 503. They wait on disk, not in memory.
   */
  parserQueueMax: 64,
  jsonDepthMax: 32,
  /** `{},{},…` of 50 MB blocks JSON.parse for 20 s; tokens are counted before parsing. */
  jsonTokensMax: 100_000,
  /** One request's line and headers. */
  httpHeaderBytesMax: 16 * KIB,
  /** From the first byte of a request to the end of its headers. */
  httpHeadersMs: 15 * SECOND,
  /** From the first byte of a request to the end of its body: 50 MiB on a line of 1.4 Mbit/s. */
  httpRequestMs: 5 * MINUTE,
  /**
   * Idle connections live longer here than at the usual load balancer (60 s), so that it is never
   * us who close one that it is about to use.
   */
  httpIdleMs: 72 * SECOND,
  /**
   * The default of `PACKETBOAT_CONNECTIONS_PER_ADDRESS`: more than the pool of a busy client, and
   * too few to use up the open files of a process.
   */
  httpConnectionsPerAddressMax: 1_000,
  /** The highest value of that variable: no process has more files open. */
  httpConnectionsPerAddressMaxMax: 1_000_000,
  /**
   * Connections beyond it that wait for their request to be answered 503; further ones are closed
   * at once.
   */
  refusedConnectionsMax: 100,
  /** How long each of them may take. */
  refusedConnectionMs: 5 * SECOND,
  refusedConnectionsLogEveryMs: MINUTE,
  /**
   * Behind an answer, how long the rest of a body is read and thrown away, whatever its size: a
   * client that sends first and reads then needs this long.
   */
  discardMs: 30 * SECOND,
  /** The same, without a byte. */
  discardSilentMs: 5 * SECOND,
  /** Connections at a time that this is done for; others are closed behind their answer. */
  discardingMax: 256,
  /** How long a browser remembers that an origin may ask: Chromium's own maximum. */
  corsMaxAgeSeconds: 7_200,
  /**
   * Requests being answered at a time, per gateway; further ones are told 503 at once. At
   * `bodyInMemoryBytes` each, 256 MiB at worst.
   */
  httpRequestsInFlightMax: 4_000,
  /** Parsing 50 MiB takes about a second; a parser that takes this long is stopped. */
  parseMs: 30 * SECOND,
  /**
   * A parser that has read a body of this size is replaced, which gives its memory back at once.
   */
  parserKeptBytesMax: 8 * MIB,
  /**
   * From the end of an answer until it has left the process: the largest lists have a few MB, which
   * a line of 1 Mbit/s takes in this time.
   */
  httpAnswerMs: MINUTE,
  /** Behind an early answer: so many pieces of a body are discarded whatever their size. */
  discardPiecesFree: 1_000,
  /**
   * Further pieces must have so many bytes on average: each takes a microsecond of the event loop,
   * and a connection brings a million a second.
   */
  discardPieceBytes: 64,
  /** Requests of one connection that may wait for their answers; the connection closes behind the last. One read brings two thousand small
   * requests, and they hold the event loop until each is answered. */
  httpPipelinedMax: 100,
} as const;
