// The start of a program: what each program receives and returns, and the operations server that
// all programs open first.

import { type DependencyName, Health } from './health.ts';
import type { ListenAddress } from './listen.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { serveOperations } from './operations-server.ts';

export interface About {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Disposing shuts the program down in order (P19). */
export interface Program extends AsyncDisposable {
  /**
   * The ports that the program listens on, by role: `http`, `grpc`, `metrics`, `smtp`. For people
   * and tests.
   */
  readonly ports: Readonly<Record<string, number>>;
  /**
   * Resolves when a part has failed that only a new process can replace. Undefined: no part of this
   * program can fail like that.
   */
  readonly failed?: Promise<Error>;
}

/** The dependencies of each program. `/readyz` lists each of them until it is reached. */
export const dependenciesOf = {
  dev: ['store', 'queue', 'budgets'],
  gateway: ['ingest'],
  ingest: ['store', 'queue', 'budgets'],
  dispatcher: ['store', 'queue', 'budgets'],
  sweeper: ['store', 'queue'],
  operator: ['store', 'kubernetes'],
} as const satisfies Readonly<Record<string, readonly DependencyName[]>>;

/**
 * Opens the health state and the server that reports it; the program's stack owns both. A program
 * calls this before it connects to anything, so that `/readyz` can list the dependencies that are
 * not reached yet. Later it passes its ports to `health.watch`.
 */
export async function openOperations(
  open: AsyncDisposableStack,
  address: ListenAddress,
  dependencies: readonly DependencyName[],
  { log, metrics }: About,
): Promise<{ readonly health: Health; readonly port: number }> {
  const health = open.use(new Health({ dependencies, log, metrics }));
  const { port } = open.use(await serveOperations(address, { health, metrics }));
  return { health, port };
}

/** The names that this installation uses on a NATS server. */
export const queueNames = ({
  installation,
}: {
  readonly installation?: string | undefined;
}): { readonly stream: string } => ({
  stream: installation === undefined ? 'MAIL' : `MAIL_${installation}`,
});

/** The names that this installation uses on a Redis server. */
export const budgetNames = ({
  installation,
}: {
  readonly installation?: string | undefined;
}): { readonly prefix?: string } =>
  installation === undefined ? {} : { prefix: `packetboat_${installation}` };

/**
 * Ends a start: moves the opened parts into the returned program, which closes them in reverse
 * order.
 */
export function started(open: AsyncDisposableStack, ports: Program['ports']): Program {
  const owned = open.move();
  return { ports, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
