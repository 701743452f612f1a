// Running a program: shutdown, readiness, certificates, logs.

import { KIB, MINUTE, SECOND } from './units.ts';

export const runningLimits = {
  /** One line of a log: collectors cut longer ones into pieces, at 16 KiB and sooner. */
  logLineBytesMax: 8 * KIB,
  /**
   * Causes of causes that are shown, errors of an error that stands for several, and places of a
   * stack.
   */
  errorCausesMax: 5,
  errorPlacesMax: 15,
  shutdownGraceMs: 25 * SECOND,
  /**
   * Of it, what work under way may take to end by itself: attempts in SMTP, requests being
   * answered. What then remains is given up in order.
   */
  drainMs: 15 * SECOND,
  readinessEveryMs: 2 * SECOND,
  /**
   * Until a dependency has answered for the first time: a program that starts should be ready soon
   * after what it needs is there.
   */
  readinessFirstEveryMs: 250,
  /** A dependency that does not answer in this time counts as lost. */
  readinessCheckMs: 2_500,
  operationsRequestMs: 5 * SECOND,
  /** Probes and monitoring are a handful; whoever opens more is closed at once. */
  operationsConnectionsMax: 1_000,
  /**
   * Without a byte in either direction; monitoring that asks every 15 or 30 s keeps its connection.
   */
  operationsIdleMs: 35 * SECOND,
  /**
   * Idle gRPC connections are asked for a sign of life, so that a frozen or unplugged peer is
   * noticed.
   */
  grpcKeepaliveMs: 20 * SECOND,
  /**
   * How often certificates of our own are read anew: Kubernetes brings new ones within a minute or
   * two of their making.
   */
  tlsReadEveryMs: 30 * SECOND,
  /** Certificates of peers that are remembered with what they may do. */
  tlsPeersKnownMax: 1_000,
  grpcKeepaliveTimeoutMs: 5 * SECOND,
  /**
   * A connection this old is replaced after its calls have ended: only then a gateway looks for new
   * instances of ingest.
   */
  grpcConnectionAgeMs: 5 * MINUTE,
  eventLoopStallMs: 200,
  /**
   * Objects and lists inside each other in a log line that is cut: deeper ones would overflow the
   * stack of the function that cuts.
   */
  logDepthMax: 32,
  /**
   * How long `/metrics` waits for the program before it answers what the program wrote last; a
   * probe wants its answer within 200 ms.
   */
  operationsAnswerMs: 150,
  /** Metrics that were written last, by `Accept` header: a Prometheus or two. */
  operationsExpositionsMax: 8,
  /** How often a program says that its event loop turns. */
  operationsAliveEveryMs: 500,
  /** A program that says nothing for this long is stalled: it is neither healthy nor ready. */
  operationsStalledMs: 10 * SECOND,
} as const;
