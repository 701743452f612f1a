// Declares every metric of every program; the reference in docs/running.md is generated from these
// declarations. The values of a label come from a closed set, or their number is bounded and
// further values become `other`. No label contains a message id, an address, a key or a URL.

import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  Registry,
} from 'prom-client';
import { runningLimits } from '../core/limits/running.ts';
import { type Exposition, expose } from './exposition.ts';

const HTTP_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const TIERS = ['high', 'normal', 'bulk'];
const OUTCOMES = ['delivered', 'deferred', 'bounced', 'unknown', 'local'];
const DEPENDENCIES = ['store', 'queue', 'budgets', 'ingest', 'kubernetes'];
const HOLD_REASONS = ['budget', 'suspended', 'unverified', 'route'];
const SWEPT = ['lapsed', 'due', 'ended', 'published', 'blobs'];
const API_VERBS = ['GET', 'LIST', 'WATCH', 'CREATE', 'UPDATE', 'DELETE', 'APPLY', 'PATCH'];
const CATALOG_KINDS = ['sender', 'template'];
const PUBLISHED = ['created', 'updated', 'unchanged', 'foreign', 'draining', 'fenced', 'failed'];
const WATCHED = ['senders', 'templates', 'secrets', 'configmaps'];
const AUTHENTICATION_FAILURES = ['missing', 'malformed', 'unknown', 'wrong_secret', 'revoked', 'expired'];
const ACCEPTED = ['queued', 'scheduled', 'suppressed', 'replayed', 'refused', 'failed'];

/** Seconds, from a warm call in the same process to the timeouts of SMTP. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

/**
 * Seconds until mail is delivered: from a server next to us to eight hours, within which most
 * deferred mail has been delivered.
 */
const MAIL_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800];

/**
 * The programs that set a metric. The others expose it without a value or as 0. `dev` runs all
 * programs but the operator.
 */
type Programs = readonly ('gateway' | 'ingest' | 'dispatcher' | 'sweeper' | 'operator' | 'dev')[];
export const EVERY: Programs = ['gateway', 'ingest', 'dispatcher', 'sweeper', 'operator'];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(about: { readonly program: string; readonly version: string }) {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const descriptions: MetricDescription[] = [];
  const declared = <T extends Counter | Gauge | Histogram>(metric: T, programs: Programs): T => {
    descriptions.push(described(metric, programs));
    return metric;
  };
  const counter = (name: string, help: string, programs: Programs, labelNames: string[] = []) =>
    declared(new Counter({ name, help, labelNames, registers }), programs);
  const gauge = (name: string, help: string, programs: Programs, labelNames: string[] = []) =>
    declared(new Gauge({ name, help, labelNames, registers }), programs);
  const seconds = (
    name: string,
    help: string,
    programs: Programs,
    labelNames: string[] = [],
    buckets = SECONDS,
  ) => declared(new Histogram({ name, help, labelNames, registers, buckets }), programs);

  gauge('packetboat_build_info', 'Always 1; the labels identify the program and its version.', EVERY, [
    'program',
    'version',
  ]).set(about, 1);
  const dependencies = gauge(
    'packetboat_dependency_up',
    '1 while the dependency replies; 0 before its first reply and while it is lost.',
    EVERY,
    ['dependency'],
  );

  const httpRequests = counter(
    'packetboat_http_requests',
    'HTTP responses, by method, route pattern and status.',
    ['gateway'],
    ['method', 'route', 'status'],
  );
  const httpSeconds = seconds(
    'packetboat_http_request_seconds',
    'Time from the headers of an HTTP request to its response.',
    ['gateway'],
    ['method', 'route'],
  );
  const bodyBytes = counter(
    'packetboat_http_body_bytes',
    'Bytes of request bodies that were buffered (in memory or on disk), parsed, or discarded after the response.',
    ['gateway'],
    ['what'],
  );
  const refusedConnections = counter(
    'packetboat_http_connections_refused',
    'Connections refused by PACKETBOAT_CONNECTIONS_PER_ADDRESS, by response: 503 or none.',
    ['gateway'],
    ['answer'],
  );

  const rpcs = counter('packetboat_rpcs', 'Calls to ingest, by gRPC status.', ['ingest'], ['rpc', 'status']);
  const rpcSeconds = seconds(
    'packetboat_rpc_seconds',
    'Time that ingest takes for a call.',
    ['ingest'],
    ['rpc'],
  );
  const failedAuthentications = counter(
    'packetboat_failed_authentications',
    'Requests whose API key was rejected, by reason and by HTTP status: 429 after too many failures, else 401. Gateways count missing and malformed keys, which never cause a 429; ingest counts the others, and all failures of gRPC callers.',
    ['gateway', 'ingest'],
    ['reason', 'status'],
  );
  const messages = counter('packetboat_messages', 'Requests to send, by result.', ['ingest'], ['result']);

  const claims = counter('packetboat_claims', 'Deliveries that dispatchers claimed.', ['dispatcher']);
  const holds = counter(
    'packetboat_holds',
    'Deliveries that were held back, by reason.',
    ['dispatcher'],
    ['reason'],
  );
  const attempts = counter(
    'packetboat_attempts',
    'Attempts, by outcome and by the category of the reply.',
    ['dispatcher'],
    ['outcome', 'category'],
  );
  const attemptSeconds = seconds(
    'packetboat_attempt_seconds',
    'Time from composing a mail to the reply of the next hop.',
    ['dispatcher'],
    ['outcome'],
  );
  const deliveredSeconds = seconds(
    'packetboat_time_to_delivery_seconds',
    'Time from acceptance (or the scheduled time, if later) to the reply with which the next hop accepted the mail.',
    ['dispatcher'],
    ['tier'],
    MAIL_SECONDS,
  );
  const firstReplySeconds = seconds(
    'packetboat_time_to_first_reply_seconds',
    'Time from acceptance (or the scheduled time, if later) to the first reply of a next hop about a delivery, positive or negative.',
    ['dispatcher'],
    ['tier'],
    MAIL_SECONDS,
  );
  const inHand = gauge('packetboat_deliveries_in_hand', 'Deliveries that a dispatcher is working on.', [
    'dispatcher',
  ]);

  const swept = counter(
    'packetboat_swept',
    'Work of sweepers: deliveries whose lease lapsed, that became due, that were ended or that were published; blobs deleted.',
    ['sweeper'],
    ['what'],
  );
  const backlog = gauge(
    'packetboat_backlog_deliveries',
    'Queued deliveries, up to 50000. Each sweeper counts all of them.',
    ['sweeper'],
  );
  const drainingSenders = gauge(
    'packetboat_draining_senders',
    'Retired senders whose accepted mail is still being delivered.',
    ['sweeper'],
  );
  const oldestSendable = gauge(
    'packetboat_oldest_sendable_age_seconds',
    'Time since the oldest sendable delivery became due; 0 if there is none. Held deliveries do not count. Each sweeper considers all deliveries.',
    ['sweeper'],
  );
  const catalogFaults = counter(
    'packetboat_catalog_faults',
    'Faults of objects in the catalog folder, counted when they appear.',
    ['dev'],
  );

  // These have the names of controller-runtime, which people who run operators know.
  const reconciles = counter(
    'controller_runtime_reconcile',
    'Reconciliations of objects, by result.',
    ['operator'],
    ['controller', 'result'],
  );
  const reconcileErrors = counter(
    'controller_runtime_reconcile_errors',
    'Reconciliations that failed.',
    ['operator'],
    ['controller'],
  );
  const reconcileSeconds = seconds(
    'controller_runtime_reconcile_time_seconds',
    'Duration of a reconciliation.',
    ['operator'],
    ['controller'],
  );
  const queueDepth = gauge('workqueue_depth', 'Objects that wait to be reconciled.', ['operator'], ['name']);
  const queueAdds = counter('workqueue_adds', 'Objects added to the work queue.', ['operator'], ['name']);
  const queueRetries = counter(
    'workqueue_retries',
    'Objects added to the work queue again after a failure.',
    ['operator'],
    ['name'],
  );
  const apiRequests = counter(
    'rest_client_requests',
    'Requests to the API server, by status; 0: no response.',
    ['operator'],
    ['code', 'method'],
  );
  const leads = gauge(
    'leader_election_master_status',
    '1 while this operator is the leader.',
    ['operator'],
    ['name'],
  );
  const ready = gauge(
    'packetboat_operator_resource_ready',
    'Objects, by kind and by the status of their condition Ready.',
    ['operator'],
    ['kind', 'status'],
  );
  // `namespace` would collide with the label that Prometheus gives to the pod's own namespace
  const usableNamespaces = gauge(
    'packetboat_operator_namespace_usable',
    '1 while the leader can list the objects of a namespace, else 0; *: all namespaces.',
    ['operator'],
    ['watched_namespace'],
  );
  const retirementsHeld = gauge(
    'packetboat_operator_retirements_held',
    'Catalog entries that the leader does not retire, because too many objects are missing at once.',
    ['operator'],
  );
  const publishes = counter(
    'packetboat_operator_publishes',
    'Writes of objects to the catalog, by result.',
    ['operator'],
    ['kind', 'result'],
  );
  const contacts = gauge(
    'packetboat_operator_contact_timestamp_seconds',
    'Unix time at which the API server last sent something about a kind.',
    ['operator'],
    ['kind'],
  );

  const route = capped(runningLimits.metricLabelValuesMax);
  const watchedNamespace = capped(runningLimits.metricLabelValuesMax);
  const rpcName = capped(runningLimits.metricLabelValuesMax);
  const category = capped(runningLimits.metricLabelValuesMax);

  return {
    /** All metrics, in the format that the `Accept` header requests. */
    exposition: (accept?: string): Promise<Exposition> => expose(registry, accept),
    /**
     * Our own metrics, in the order of their declaration. The metrics of Node are left out, since
     * they depend on the system.
     */
    descriptions: descriptions as readonly MetricDescription[],

    /** `pattern`: the declared route, never the requested path. */
    http: (verb: string, pattern: string, status: number, ms: number): void => {
      const labels = { method: oneOf(HTTP_METHODS, verb), route: route(pattern) };
      httpRequests.inc({ ...labels, status: status >= 100 && status <= 599 ? status : 'other' });
      httpSeconds.observe(labels, ms / 1000);
    },
    bodyBytes: (what: 'buffered' | 'parsed' | 'discarded', bytes: number): void =>
      bodyBytes.inc({ what }, bytes),
    connectionRefused: (answer: '503' | 'none'): void => refusedConnections.inc({ answer }),
    rpc: (path: string, status: number, ms: number): void => {
      rpcs.inc({ rpc: rpcName(path), status: status >= 0 && status <= 16 ? status : 'other' });
      rpcSeconds.observe({ rpc: rpcName(path) }, ms / 1000);
    },
    failedAuthentication: (reason: string, isLimited: boolean): void =>
      failedAuthentications.inc({
        reason: oneOf(AUTHENTICATION_FAILURES, reason),
        status: isLimited ? '429' : '401',
      }),
    message: (result: string): void => messages.inc({ result: oneOf(ACCEPTED, result) }),
    claimed: (count: number): void => claims.inc(count),
    held: (reason: string, count: number): void => holds.inc({ reason: oneOf(HOLD_REASONS, reason) }, count),
    attempt: (outcome: string, about: string, ms: number): void => {
      attempts.inc({ outcome: oneOf(OUTCOMES, outcome), category: category(about) });
      attemptSeconds.observe({ outcome: oneOf(OUTCOMES, outcome) }, ms / 1000);
    },
    delivered: (tier: string, ms: number): void =>
      deliveredSeconds.observe({ tier: oneOf(TIERS, tier) }, Math.max(0, ms) / 1000),
    firstReply: (tier: string, ms: number): void =>
      firstReplySeconds.observe({ tier: oneOf(TIERS, tier) }, Math.max(0, ms) / 1000),
    inFlight: (count: number): void => inHand.set(count),
    swept: (what: string, count: number): void => swept.inc({ what: oneOf(SWEPT, what) }, count),
    backlog: (count: number): void => backlog.set(count),
    drainingSenders: (count: number): void => drainingSenders.set(count),
    oldestSendable: (ageMs: number): void => oldestSendable.set(Math.max(0, ageMs) / 1000),
    dependency: (name: string, isUp: boolean): void =>
      dependencies.set({ dependency: oneOf(DEPENDENCIES, name) }, isUp ? 1 : 0),
    catalogFault: (): void => catalogFaults.inc(),

    /** The metrics of one controller of the operator. */
    workQueue: (controller: 'sender' | 'template') => ({
      added: (): void => queueAdds.inc({ name: controller }),
      retried: (): void => queueRetries.inc({ name: controller }),
      depth: (count: number): void => queueDepth.set({ name: controller }, count),
      worked: (result: 'success' | 'error' | 'requeue_after', ms: number): void => {
        reconciles.inc({ controller, result });
        if (result === 'error') reconcileErrors.inc({ controller });
        reconcileSeconds.observe({ controller }, ms / 1000);
      },
    }),
    kubernetesRequest: ({ verb, code }: { readonly verb: string; readonly code: number | null }): void =>
      apiRequests.inc({ code: code ?? 0, method: oneOf(API_VERBS, verb) }),
    leader: (name: string, isLeader: boolean): void => leads.set({ name }, isLeader ? 1 : 0),
    resourceReady: (kind: string, status: 'True' | 'False' | 'Unknown', count: number): void =>
      ready.set({ kind, status }, count),
    namespaceUsable: (namespace: string, isUsable: boolean | null): void => {
      const labels = { watched_namespace: watchedNamespace(namespace) };
      if (isUsable === null) usableNamespaces.remove(labels);
      else usableNamespaces.set(labels, isUsable ? 1 : 0);
    },
    retirementsHeld: (count: number): void => retirementsHeld.set(count),
    published: (kind: string, result: string): void =>
      publishes.inc({ kind: oneOf(CATALOG_KINDS, kind), result: oneOf(PUBLISHED, result) }),
    contact: (kind: string): void => contacts.setToCurrentTime({ kind: oneOf(WATCHED, kind) }),
  };
}

/** For the reference (docs/running.md). */
export interface MetricDescription {
  /** The name in queries: counters end in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  readonly programs: Programs;
}

/** prom-client's types do not declare these properties of its metrics. */
function described(metric: object, programs: Programs): MetricDescription {
  const { name, type, labelNames, help } = metric as Omit<MetricDescription, 'labels'> & {
    readonly labelNames: readonly string[];
  };
  const asked = type === 'counter' ? `${name.replace(/_total$/, '')}_total` : name;
  return { name: asked, type, labels: [...labelNames], help, programs };
}

const oneOf = (words: readonly string[], value: string): string => (words.includes(value) ? value : 'other');

/** Returns the first `max` distinct values as they are, and `other` for further ones. */
function capped(max: number): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (seen.has(value)) return value;
    if (seen.size >= max) return 'other';
    seen.add(value);
    return value;
  };
}
