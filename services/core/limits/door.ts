// The gateway's HTTP server: bodies, headers, connections, replies and parsers.

import { KIB, MIB, MINUTE, SECOND } from './units.ts';

export const doorLimits = {
  /**
   * Bytes of one HTTP body, and of one SMTP DATA. Hosted services accept 50 MB; 50 MiB is a little
   * more.
   */
  bodyBytesMax: 50 * MIB,
  /**
   * A body up to this size is parsed in memory, on the event loop; a larger body on a thread, from
   * disk.
   */
  bodyInMemoryBytes: 64 * KIB,
  /** Large bodies that one gateway parses at the same time. */
  parsersMax: 2,
  /** Bytes of those bodies together. Parsing takes five times as much memory, garbage included. */
  parserBytesMax: 64 * MIB,
  /** Bodies that wait for a parser, on disk. Further requests get 503. */
  parserQueueMax: 64,
  /**
   * Messages of one batch that the gateway sends at a time: the items of one call to ingest
   * (`turnItemsMax`). Each may upload one chunk of content.
   */
  batchItemsInFlightMax: 64,
  /**
   * The largest window of a body in zstd: 2^23 bytes, as RFC 9659 says. The decoder holds as much
   * memory.
   */
  zstdWindowLogMax: 23,
  /** Arrays and objects nested in each other in a JSON body. */
  jsonDepthMax: 32,
  /**
   * Tokens in a JSON body, counted before parsing: 50 MB of `{},{},…` would block JSON.parse for
   * 20 s.
   */
  jsonTokensMax: 100_000,
  /** Bytes of a request's line and headers. */
  httpHeaderBytesMax: 16 * KIB,
  /** Time from the first byte of a request to the end of its headers. */
  httpHeadersMs: 15 * SECOND,
  /** Time from the first byte of a request to the end of its body: 50 MiB at 1.4 Mbit/s. */
  httpRequestMs: 5 * MINUTE,
  /**
   * How long an idle connection stays open: longer than at common load balancers (60 s), so that
   * the gateway never closes a connection that a balancer is about to use.
   */
  httpIdleMs: 72 * SECOND,
  /**
   * Connections from one address, the default of `PACKETBOAT_CONNECTIONS_PER_ADDRESS`: more than
   * the pool of a busy client, and fewer than a process may have open files.
   */
  httpConnectionsPerAddressMax: 1_000,
  /** Highest value of that variable: no process has more open files. */
  httpConnectionsPerAddressMaxMax: 1_000_000,
  /**
   * Connections beyond the limit of an address that stay open until their request has got 503.
   * Further connections are closed at once.
   */
  refusedConnectionsMax: 100,
  /** How long such a connection stays open. */
  refusedConnectionMs: 5 * SECOND,
  /** How often the log reports refused connections. */
  refusedConnectionsLogEveryMs: MINUTE,
  /**
   * After an early reply: how long the gateway reads and discards the rest of the body. A client
   * that reads only after it has sent needs this time to get the reply.
   */
  discardMs: 30 * SECOND,
  /** Discarding stops after this time without a byte. */
  discardSilentMs: 5 * SECOND,
  /** Connections whose bodies are discarded at the same time; others close after their reply. */
  discardingMax: 256,
  /** Seconds for which a browser remembers a CORS preflight: the maximum of Chromium. */
  corsMaxAgeSeconds: 7_200,
  /**
   * Requests in flight in one gateway; further requests get 503 at once. With `bodyInMemoryBytes`
   * each they hold 256 MiB at most.
   */
  httpRequestsInFlightMax: 4_000,
  /** Timeout of one parse. 50 MiB take about a second; a slower parser is stopped. */
  parseMs: 30 * SECOND,
  /** A parser that has parsed a body of this size is replaced, which frees its memory at once. */
  parserKeptBytesMax: 8 * MIB,
  /**
   * Time from the end of a reply until the client has taken it. The largest lists have a few MB,
   * which take a minute at 1 Mbit/s.
   */
  httpAnswerMs: MINUTE,
  /** After an early reply: pieces of a body that are discarded whatever their size. */
  discardPiecesFree: 1_000,
  /**
   * Bytes that further pieces must have on average. Each piece takes a microsecond of the event
   * loop, and a connection can send a million a second.
   */
  discardPieceBytes: 64,
  /**
   * Requests of one connection that wait for their replies; the connection closes after the last.
   * One read can bring two thousand small requests, and these hold the event loop until each has
   * its reply.
   */
  httpPipelinedMax: 100,
  /**
   * How often the server looks for requests that have exceeded `httpHeadersMs` or `httpRequestMs`:
   * each may last this much longer.
   */
  httpTimeoutsCheckedEveryMs: 1 * SECOND,
  /** While the gateway stops: how often it closes connections that have become idle. */
  httpIdleClosedEveryMs: 50,
  /** When a client may repeat a request that the gateway could not serve: the lowest Retry-After. */
  unavailableRetryAfterMs: 1 * SECOND,
  /** Characters of an unknown field's name in a reply: callers choose names of any length. */
  faultNameCharsShown: 64,
  /** MiB of V8's heap for one parser: twice a body of 50 MiB at two bytes a character, and room. */
  parserHeapMib: 384,
  /** Characters of base64 that are decoded at a time; a multiple of four. */
  base64PieceChars: 64 * KIB,
} as const;
