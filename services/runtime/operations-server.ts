// Serves `/metrics`, `/healthz` (liveness) and `/readyz` (readiness, with the dependencies that do
// not answer). The server has its own address, so that these pages are not public by accident, and
// its own thread, so that requests to the program cannot delay a response.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Failure } from '../core/failure.ts';
import { runningLimits } from '../core/limits/running.ts';
import type { Exposition } from './exposition.ts';
import type { Health } from './health.ts';
import type { ListenAddress } from './listen.ts';
import type { Metrics } from './metrics.ts';

interface OperationsServer extends AsyncDisposable {
  readonly port: number;
}

export interface HealthAnswer {
  readonly status: number;
  readonly body: object;
}

/**
 * The gateway's response to `/healthz` on its public address: any response proves that its event
 * loop runs.
 */
export const healthz = (): HealthAnswer => ({ status: 200, body: { status: 'ok' } });

/**
 * The response to `/readyz`. It is 200 while degraded too, since a program works without the queue
 * and the budgets.
 */
export function readyz(health: Pick<Health, 'readiness' | 'isReady'>): HealthAnswer {
  const { status, lost, notReached, details } = health.readiness;
  return {
    status: health.isReady ? 200 : 503,
    body: { status, lost, not_reached: notReached, ...(details === undefined ? {} : { details }) },
  };
}

export interface OperationsOptions {
  readonly health: Health;
  readonly metrics: Pick<Metrics, 'exposition'>;
  /**
   * The time to receive a request and to send its response; default:
   * `runningLimits.operationsRequestMs`.
   */
  readonly requestMs?: number;
}

/** The data that the thread receives at its start. */
export interface OperationsSettings {
  readonly address: ListenAddress;
  readonly requestMs: number;
  readonly readiness: HealthAnswer;
}

/** To the thread. */
export type ToOperations =
  | { readonly kind: 'alive' }
  | { readonly kind: 'readiness'; readonly answer: HealthAnswer }
  /** Null if the metrics could not be written. */
  | { readonly kind: 'exposition'; readonly question: number; readonly exposition: Exposition | null };

/** From the thread. */
export type FromOperations =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'exposition'; readonly question: number; readonly accept: string };

/** Resolves once the server listens. Throws `Failure('invalid')` if the address is in use. */
export async function serveOperations(
  address: ListenAddress,
  { health, metrics, requestMs = runningLimits.operationsRequestMs }: OperationsOptions,
): Promise<OperationsServer> {
  const workerData: OperationsSettings = { address, requestMs, readiness: readyz(health) };
  const worker = new Worker(new URL('./operations-worker.ts', import.meta.url), { workerData });
  const ended = new AbortController();
  worker.once('exit', () => ended.abort());
  const [first] = (await once(worker, 'message', { signal: ended.signal }).catch((cause: unknown) => {
    throw new Failure('internal', 'the thread of the operations server ended before it listened', { cause });
  })) as [FromOperations];
  if (first.kind !== 'listening') {
    await worker.terminate();
    throw new Failure(
      'invalid',
      first.kind === 'refused' ? first.message : 'the operations server failed to start',
    );
  }

  const tell = (message: ToOperations): void => worker.postMessage(message);
  health.onChange(() => tell({ kind: 'readiness', answer: readyz(health) }));
  const alive = setInterval(() => tell({ kind: 'alive' }), runningLimits.operationsAliveEveryMs).unref();
  worker.on('message', (message: FromOperations) => {
    if (message.kind !== 'exposition') return;
    const { question, accept } = message;
    metrics.exposition(accept === '' ? undefined : accept).then(
      (exposition) => tell({ kind: 'exposition', question, exposition }),
      () => tell({ kind: 'exposition', question, exposition: null }),
    );
  });
  return {
    port: first.port,
    async [Symbol.asyncDispose]() {
      clearInterval(alive);
      await worker.terminate();
    },
  };
}
