// What operators and their machines ask a program: `/metrics`, `/healthz` (the process lives), `/readyz` (whether requests should come here, and which
// dependencies do not answer). Plain HTTP on an address of its own, so that none of these pages is public by accident.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { doorLimits } from '../core/limits/door.ts';
import { runningLimits } from '../core/limits/running.ts';
import type { ListenAddress } from './config.ts';
import type { Health } from './health.ts';
import { listen } from './listen.ts';
import type { Metrics } from './metrics.ts';

export interface OperationsServer extends AsyncDisposable {
  readonly port: number;
}

export interface HealthAnswer {
  readonly status: number;
  readonly body: object;
}

/** What `/healthz` answers: anything at all means that the event loop turns. */
export const healthz = (): HealthAnswer => ({ status: 200, body: { status: 'ok' } });

/** What `/readyz` answers: 200 also while degraded, since work goes on without the queue and the budgets. */
export function readyz(health: Pick<Health, 'readiness' | 'isReady'>): HealthAnswer {
  const { status, lost, notReached } = health.readiness;
  return { status: health.isReady ? 200 : 503, body: { status, lost, not_reached: notReached } };
}

export interface OperationsOptions {
  readonly health: Health;
  readonly metrics: Pick<Metrics, 'exposition'>;
  /** How long a request may take to come in, and its answer to go out; `limits` unless told. */
  readonly requestMs?: number;
}

/** Listens once it resolves. Throws `Failure('invalid')` when the address is in use. */
export async function serveOperations(
  address: ListenAddress,
  { health, metrics, requestMs = runningLimits.operationsRequestMs }: OperationsOptions,
): Promise<OperationsServer> {
  const server = createServer(
    {
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      keepAliveTimeout: runningLimits.operationsIdleMs,
      maxHeaderSize: doorLimits.httpHeaderBytesMax,
      connectionsCheckingInterval: Math.min(requestMs, 1_000),
    },
    (request, response) => {
      answer(request, response, health, metrics).catch(() => response.destroy());
    },
  );
  server.maxConnections = runningLimits.operationsConnectionsMax;
  // an answer that its client does not read holds memory
  server.setTimeout(runningLimits.operationsIdleMs);
  await listen(server, address, 'PACKETBOAT_METRICS_ADDR');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Bodies are not read: the connection of a request that has one closes behind the answer. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  health: Health,
  metrics: OperationsOptions['metrics'],
): Promise<void> {
  const { method, url, headers } = request;
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) response.setHeader('connection', 'close');
  const read = answers[url?.split('?')[0] ?? ''];
  if (read === undefined) {
    sendJson(response, { status: 404, body: { status: 'not_found' } });
  } else if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    sendJson(response, { status: 405, body: { status: 'method_not_allowed' } });
  } else if (read === 'metrics') {
    const { contentType, text } = await metrics.exposition(headers.accept);
    response.writeHead(200, { 'content-type': contentType, vary: 'Accept' }).end(text);
  } else {
    sendJson(response, read(health));
  }
}

const answers: Readonly<Record<string, 'metrics' | ((health: Health) => HealthAnswer)>> = Object.assign(Object.create(null), {
  '/metrics': 'metrics',
  '/healthz': healthz,
  '/readyz': readyz,
});

const sendJson = (response: ServerResponse, { status, body }: HealthAnswer): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
};
