// What operators and their machines ask a program: `/metrics`, `/healthz` (the process lives),
// `/readyz` (whether requests should come here, and which dependencies do not answer). Plain HTTP
// on an address of its own, so that none of these pages is public by accident, and on a thread of
// its own, so that no request to the program's other doors delays an answer.

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
 * What the gateway answers to `/healthz` at its own door: anything at all means that the event loop
 * turns.
 */
export const healthz = (): HealthAnswer => ({ status: 200, body: { status: 'ok' } });

/**
 * What `/readyz` answers: 200 also while degraded, since work goes on without the queue and the
 * budgets.
 */
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

/** What the thread is given at its start. */
export interface OperationsSettings {
  readonly address: ListenAddress;
  readonly requestMs: number;
  readonly readiness: HealthAnswer;
}

/** To the thread. */
export type ToOperations =
  | { readonly kind: 'alive' }
  | { readonly kind: 'readiness'; readonly answer: HealthAnswer }
  /** Null: the metrics cannot be written. */
  | { readonly kind: 'exposition'; readonly question: number; readonly exposition: Exposition | null };

/** From the thread. */
export type FromOperations =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'exposition'; readonly question: number; readonly accept: string };

/** Listens once it resolves. Throws `Failure('invalid')` when the address is in use. */
export async function serveOperations(
  address: ListenAddress,
  { health, metrics, requestMs = runningLimits.operationsRequestMs }: OperationsOptions,
): Promise<OperationsServer> {
  const workerData: OperationsSettings = { address, requestMs, readiness: readyz(health) };
  const worker = new Worker(new URL('./operations-worker.ts', import.meta.url), { workerData });
  const [first] = (await once(worker, 'message')) as [FromOperations];
  if (first.kind !== 'listening') {
    await worker.terminate();
    throw new Failure(
      'invalid',
      first.kind === 'refused' ? first.message : 'the operations server did not listen',
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
