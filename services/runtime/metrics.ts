// Every metric of every program, declared here and nowhere else. Labels have words from a closed set, or as many values as are written beside them
// and then `other`: never a message, an address, a key or a URL.

import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';

/** Values that a label may have whose words are not ours to list: names of rpcs and routes. */
const OPEN_LABEL_VALUES_MAX = 100;

const OUTCOMES = ['delivered', 'deferred', 'bounced', 'unknown', 'local'];
const DEPENDENCIES = ['store', 'queue', 'budgets', 'catalog', 'ingest', 'kubernetes'];
const HOLD_REASONS = ['budget', 'suspended', 'unverified', 'route'];
const SWEPT = ['lapsed', 'due', 'ended', 'published', 'blobs'];
const API_VERBS = ['GET', 'LIST', 'WATCH', 'CREATE', 'UPDATE', 'DELETE', 'APPLY', 'PATCH'];
const CATALOG_KINDS = ['sender', 'template'];
const PUBLISHED = ['created', 'updated', 'unchanged', 'foreign', 'fenced', 'failed'];
const WATCHED = ['senders', 'templates', 'secrets', 'configmaps'];
const AUTHENTICATION_FAILURES = ['missing', 'malformed', 'unknown', 'wrong_secret', 'revoked', 'expired'];
const ACCEPTED = ['queued', 'scheduled', 'suppressed', 'replayed', 'refused', 'failed'];

/** Seconds; from a warm call in the same process to the patience of SMTP. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(about: { readonly program: string; readonly version: string }) {
  // OpenMetrics only: while it writes that, prom-client renames its counters for good, so both formats cannot come from one registry.
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const counter = (name: string, help: string, labelNames: string[] = []) => new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[] = []) => new Gauge({ name, help, labelNames, registers });
  const seconds = (name: string, help: string, labelNames: string[] = []) =>
    new Histogram({ name, help, labelNames, registers, buckets: SECONDS });

  gauge('packetboat_build_info', 'Always 1; says what runs.', ['program', 'version']).set(about, 1);

  const httpRequests = counter('packetboat_http_requests', 'HTTP requests answered, by route pattern and status.', ['route', 'status']);
  const httpSeconds = seconds('packetboat_http_request_seconds', 'From the first byte of an HTTP request to its answer.', ['route']);
  const bodyBytes = counter(
    'packetboat_http_body_bytes',
    'Bytes of request bodies: buffered (in memory or on disk), parsed, or discarded behind an answer.',
    ['what'],
  );
  const refusedConnections = counter(
    'packetboat_http_connections_refused',
    'Connections beyond PACKETBOAT_CONNECTIONS_PER_ADDRESS, by what they were answered: 503 or none.',
    ['answer'],
  );
  const rpcs = counter('packetboat_rpcs', 'Calls that ingest answered, by gRPC status.', ['rpc', 'status']);
  const rpcSeconds = seconds('packetboat_rpc_seconds', 'From a call to its answer, in ingest.', ['rpc']);
  const failedAuthentications = counter(
    'packetboat_failed_authentications',
    'Requests that ingest refused for their API key, by why it was no good and by the HTTP status of the answer: 429 after too many of them.',
    ['reason', 'status'],
  );
  const messages = counter('packetboat_messages', 'Requests to send, by what became of them.', ['result']);
  const claims = counter('packetboat_claims', 'Deliveries that a dispatcher took up.');
  const holds = counter('packetboat_holds', 'Deliveries put aside because they cannot go now.', ['reason']);
  const attempts = counter('packetboat_attempts', 'Attempts, by outcome and by what the reply was about.', ['outcome', 'category']);
  const attemptSeconds = seconds('packetboat_attempt_seconds', 'From composing a mail to the reply of the next hop.', ['outcome']);
  const inHand = gauge('packetboat_deliveries_in_hand', 'Deliveries that a dispatcher is busy with.');
  const swept = counter('packetboat_swept', 'What sweepers did: deliveries woken, ended, taken back, published; blobs deleted.', ['what']);
  const backlog = gauge('packetboat_backlog_deliveries', 'Deliveries that are queued, as each sweeper counts all of them, up to 50000.');
  const dependencies = gauge(
    'packetboat_dependency_up',
    '1 while the dependency answers; 0 until it has answered for the first time, and while it is lost.',
    ['dependency'],
  );
  const catalogFaults = counter('packetboat_catalog_faults', 'Faults of objects in the catalog folder, counted when they come up.');

  // Under the names that whoever runs operators knows from controller-runtime.
  const reconciles = counter('controller_runtime_reconcile', 'Visits to objects, by what came of them.', ['controller', 'result']);
  const reconcileErrors = counter('controller_runtime_reconcile_errors', 'Visits that failed.', ['controller']);
  const reconcileSeconds = seconds('controller_runtime_reconcile_time_seconds', 'How long a visit took.', ['controller']);
  const queueDepth = gauge('workqueue_depth', 'Objects whose turn it is.', ['name']);
  const queueAdds = counter('workqueue_adds', 'Objects that were to be visited.', ['name']);
  const queueRetries = counter('workqueue_retries', 'Objects that were to be visited again after a failure.', ['name']);
  const apiRequests = counter('rest_client_requests', 'Requests to the API server, by status; 0: no answer.', ['code', 'method']);
  const leads = gauge('leader_election_master_status', '1 while this operator is the one that works.', ['name']);
  const ready = gauge('packetboat_operator_resource_ready', 'Objects, by kind and by their condition Ready.', ['kind', 'status']);

  const publishes = counter('packetboat_operator_publishes', 'Objects written to the catalog, by what came of it.', ['kind', 'result']);
  const contacts = gauge('packetboat_operator_contact_timestamp_seconds', 'When the API server said something about a kind last.', [
    'kind',
  ]);

  const route = capped(OPEN_LABEL_VALUES_MAX);
  const rpcName = capped(OPEN_LABEL_VALUES_MAX);
  const category = capped(OPEN_LABEL_VALUES_MAX);

  return {
    contentType: registry.contentType,
    /** The exposition. */
    text: (): Promise<string> => registry.metrics(),

    /** `pattern`: the route as it was declared, never the path asked for. */
    http: (pattern: string, status: number, ms: number): void => {
      httpRequests.inc({ route: route(pattern), status: status >= 100 && status <= 599 ? status : 'other' });
      httpSeconds.observe({ route: route(pattern) }, ms / 1000);
    },
    bodyBytes: (what: 'buffered' | 'parsed' | 'discarded', bytes: number): void => bodyBytes.inc({ what }, bytes),
    connectionRefused: (answer: '503' | 'none'): void => refusedConnections.inc({ answer }),
    rpc: (path: string, status: number, ms: number): void => {
      rpcs.inc({ rpc: rpcName(path), status: status >= 0 && status <= 16 ? status : 'other' });
      rpcSeconds.observe({ rpc: rpcName(path) }, ms / 1000);
    },
    failedAuthentication: (reason: string, isLimited: boolean): void =>
      failedAuthentications.inc({ reason: oneOf(AUTHENTICATION_FAILURES, reason), status: isLimited ? '429' : '401' }),
    message: (result: string): void => messages.inc({ result: oneOf(ACCEPTED, result) }),
    claimed: (count: number): void => claims.inc(count),
    held: (reason: string, count: number): void => holds.inc({ reason: oneOf(HOLD_REASONS, reason) }, count),
    attempt: (outcome: string, about: string, ms: number): void => {
      attempts.inc({ outcome: oneOf(OUTCOMES, outcome), category: category(about) });
      attemptSeconds.observe({ outcome: oneOf(OUTCOMES, outcome) }, ms / 1000);
    },
    inFlight: (count: number): void => inHand.set(count),
    swept: (what: string, count: number): void => swept.inc({ what: oneOf(SWEPT, what) }, count),
    backlog: (count: number): void => backlog.set(count),
    dependency: (name: string, isUp: boolean): void => dependencies.set({ dependency: oneOf(DEPENDENCIES, name) }, isUp ? 1 : 0),
    catalogFault: (): void => catalogFaults.inc(),

    /** Of one controller of the operator. */
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
    resourceReady: (kind: string, status: 'True' | 'False' | 'Unknown', count: number): void => ready.set({ kind, status }, count),
    published: (kind: string, result: string): void =>
      publishes.inc({ kind: oneOf(CATALOG_KINDS, kind), result: oneOf(PUBLISHED, result) }),
    contact: (kind: string): void => contacts.setToCurrentTime({ kind: oneOf(WATCHED, kind) }),
  };
}

const oneOf = (words: readonly string[], value: string): string => (words.includes(value) ? value : 'other');

/** The first `max` values that it sees, then `other`. */
function capped(max: number): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (seen.has(value)) return value;
    if (seen.size >= max) return 'other';
    seen.add(value);
    return value;
  };
}
