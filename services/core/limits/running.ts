// A running program: shutdown, health, certificates, gRPC connections and logs.

import { HOUR, KIB, MINUTE, SECOND } from './units.ts';

export const runningLimits = {
  /** Bytes of one log line. Log collectors split longer lines, some at 16 KiB. */
  logLineBytesMax: 8 * KIB,
  /**
   * Causes of one error in the log, each the cause of the one before; also errors of an
   * AggregateError.
   */
  errorCausesMax: 5,
  /** Lines of a stack trace in the log. */
  errorPlacesMax: 15,
  /** Time from SIGTERM to exit. Kubernetes sends SIGKILL after 30 s. */
  shutdownGraceMs: 25 * SECOND,
  /**
   * Part of that time in which SMTP attempts and requests in flight may end by themselves. Then the
   * program aborts the rest and records their deliveries.
   */
  drainMs: 15 * SECOND,
  /** How often a program checks its dependencies. */
  readinessEveryMs: 2 * SECOND,
  /** How often a dependency is checked until its first reply, so that a program is ready soon. */
  readinessFirstEveryMs: 250,
  /** A dependency that does not reply within this time counts as lost. */
  readinessCheckMs: 2_500,
  /** Timeout of one request for health or metrics. */
  operationsRequestMs: 5 * SECOND,
  /** Connections for health and metrics. Probes and monitoring need a handful. */
  operationsConnectionsMax: 1_000,
  /**
   * How long an idle connection for health and metrics stays open: longer than the 15 or 30 s
   * between two scrapes.
   */
  operationsIdleMs: 35 * SECOND,
  /** How often an idle gRPC connection is pinged, which detects a frozen or unplugged peer. */
  grpcKeepaliveMs: 20 * SECOND,
  /** A gRPC connection whose ping has no reply for this long is closed. */
  grpcKeepaliveTimeoutMs: 5 * SECOND,
  /**
   * How often our own certificates are read again. Kubernetes updates a mounted Secret within a
   * minute or two.
   */
  tlsReadEveryMs: 30 * SECOND,
  /** Certificates of peers whose permissions are cached. */
  tlsPeersKnownMax: 1_000,
  /**
   * Age at which a gRPC connection is replaced after its calls have ended. A gateway looks for new
   * instances of ingest only when it connects.
   */
  grpcConnectionAgeMs: 5 * MINUTE,
  /**
   * Random bytes taken from the operating system at a time. A call for a few bytes takes a
   * microsecond as well.
   */
  randomPoolBytes: 4 * KIB,
  /** Longest time that one task may block the event loop; tests check it. */
  eventLoopStallMs: 200,
  /**
   * Objects and lists nested in each other in a log line that is cut: deeper ones would overflow
   * the stack of the cutting function.
   */
  logDepthMax: 32,
  /**
   * How long `/metrics` waits for the program before it returns the previous metrics: a probe
   * expects its reply within 200 ms.
   */
  operationsAnswerMs: 150,
  /** Previous metrics that are kept, by `Accept` header: one for each kind of monitoring. */
  operationsExpositionsMax: 8,
  /** How often the event loop of a program reports to its operations thread. */
  operationsAliveEveryMs: 500,
  /** A program that has not reported for this long is stalled: neither healthy nor ready. */
  operationsStalledMs: 10 * SECOND,
  /** How often the operations server looks for requests that have exceeded their timeout. */
  operationsTimeoutsCheckedEveryMs: 1 * SECOND,
  /**
   * Values of a metric's label that has no closed set, such as names of rpcs and routes: more than
   * the contract has. Further values become `other`.
   */
  metricLabelValuesMax: 100,
  /** Characters of an unknown environment variable's name in the log. */
  unknownVariableCharsShown: 100,
  /**
   * Lowest and highest value of `PACKETBOAT_WAIT_SECONDS`, for which a self-test waits for its
   * message: a monitor that needs an hour watches something else.
   */
  selfTestWaitMinMs: 1 * SECOND,
  selfTestWaitMaxMs: HOUR,
} as const;
