// What operators and their machines ask a program: `/metrics`, `/healthz` (the process lives), `/readyz` (send requests here, and what is lost).
// Plain HTTP on an address of its own, so that none of it is ever public by accident.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { limits } from '../core/limits.ts';
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
export const readyz = (health: Pick<Health, 'readiness' | 'isReady'>): HealthAnswer => ({
  status: health.isReady ? 200 : 503,
  body: health.readiness,
});

/** Listens once it resolves. Throws `Failure('invalid')` when the address is in use. */
export async function serveOperations(
  address: ListenAddress,
  { health, metrics }: { readonly health: Health; readonly metrics: Pick<Metrics, 'text'> & { readonly contentType: string } },
): Promise<OperationsServer> {
  const answers: Readonly<Record<string, () => HealthAnswer>> = { '/healthz': healthz, '/readyz': () => readyz(health) };
  const server = createServer(
    { requestTimeout: limits.operationsRequestMs, headersTimeout: limits.operationsRequestMs },
    async (request, response) => {
      const path = request.url?.split('?')[0] ?? '';
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405).end();
      } else if (path === '/metrics') {
        response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.text());
      } else {
        const { status, body } = answers[path]?.() ?? { status: 404, body: { status: 'not_found' } };
        response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
      }
    },
  );
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
