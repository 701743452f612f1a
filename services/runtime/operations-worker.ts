// The thread that serves `/healthz`, `/readyz` and `/metrics`. It keeps the last state that the
// program sent, so it can respond while the program's event loop is busy. If the program has sent
// nothing for `operationsStalledMs`, it is stalled: neither healthy nor ready.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { Failure } from '../core/failure.ts';
import { doorLimits } from '../core/limits/door.ts';
import { runningLimits } from '../core/limits/running.ts';
import type { Exposition } from './exposition.ts';
import { listen } from './listen.ts';
import type { FromOperations, HealthAnswer, OperationsSettings, ToOperations } from './operations-server.ts';

const port = parentPort;
if (port === null) throw new Error('operations-worker.ts must run in a worker thread');
const { address, requestMs, ...settings } = workerData as OperationsSettings;
const tell = (message: FromOperations): void => port.postMessage(message);

let toldAt = performance.now();
let readiness = settings.readiness;
const isStalled = (): boolean => performance.now() - toldAt > runningLimits.operationsStalledMs;
const stalled: HealthAnswer = { status: 503, body: { status: 'stalled' } };

/** By `Accept` header. */
const lastExpositions = new Map<string, Exposition>();
const asked = new Map<number, (exposition: Exposition | null) => void>();
let questions = 0;

port.on('message', (message: ToOperations) => {
  toldAt = performance.now();
  if (message.kind === 'readiness') readiness = message.answer;
  else if (message.kind === 'exposition') {
    asked.get(message.question)?.(message.exposition);
    asked.delete(message.question);
  }
});

/**
 * Asks the program for its metrics. A program that is busy for `operationsAnswerMs` gets its last
 * metrics served instead. Null if the metrics could not be written.
 */
async function exposition(accept: string): Promise<Exposition | null> {
  const question = questions++;
  const { promise, resolve } = Promise.withResolvers<Exposition | null>();
  asked.set(question, resolve);
  tell({ kind: 'exposition', question, accept });
  const last = lastExpositions.get(accept);
  const late = setTimeout(
    () => resolve(last ?? null),
    last === undefined ? requestMs : runningLimits.operationsAnswerMs,
  );
  const written = await promise;
  clearTimeout(late);
  asked.delete(question);
  if (written !== null) {
    if (lastExpositions.size >= runningLimits.operationsExpositionsMax && !lastExpositions.has(accept))
      lastExpositions.clear();
    lastExpositions.set(accept, written);
  }
  return written;
}

const answers: Readonly<Record<string, 'metrics' | (() => HealthAnswer)>> = Object.assign(
  Object.create(null),
  {
    '/metrics': 'metrics',
    '/healthz': (): HealthAnswer => (isStalled() ? stalled : { status: 200, body: { status: 'ok' } }),
    '/readyz': (): HealthAnswer => (isStalled() ? stalled : readiness),
  },
);

/**
 * Does not read request bodies, so a connection whose request has a body is closed after the
 * response.
 */
async function answer({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)
    response.setHeader('connection', 'close');
  const read = answers[url?.split('?')[0] ?? ''];
  if (read === undefined) {
    sendJson(response, { status: 404, body: { status: 'not_found' } });
  } else if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    sendJson(response, { status: 405, body: { status: 'method_not_allowed' } });
  } else if (read === 'metrics') {
    const written = await exposition(headers.accept ?? '');
    if (written === null) response.destroy();
    else response.writeHead(200, { 'content-type': written.contentType, vary: 'Accept' }).end(written.text);
  } else {
    sendJson(response, read());
  }
}

const sendJson = (response: ServerResponse, { status, body }: HealthAnswer): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
};

const server = createServer(
  {
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    keepAliveTimeout: runningLimits.operationsIdleMs,
    maxHeaderSize: doorLimits.httpHeaderBytesMax,
    connectionsCheckingInterval: Math.min(requestMs, runningLimits.operationsTimeoutsCheckedEveryMs),
  },
  (request, response) => {
    answer(request, response).catch(() => response.destroy());
  },
);
server.maxConnections = runningLimits.operationsConnectionsMax;
// a response that the client does not read occupies memory
server.setTimeout(runningLimits.operationsIdleMs);
try {
  await listen(server, address, 'PACKETBOAT_METRICS_ADDR');
  tell({ kind: 'listening', port: (server.address() as AddressInfo).port });
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  tell({ kind: 'refused', message: error.message });
}
