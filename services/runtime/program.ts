// What every program is given at its start, and what it gives back.

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
  /** For people and tests: what listens where, by role: `http`, `grpc`, `metrics`, `smtp`. */
  readonly ports: Readonly<Record<string, number>>;
}

/** What each program needs of others, and names in `/readyz` until it is reached. */
export const dependenciesOf = {
  dev: ['store', 'queue', 'budgets'],
  gateway: ['ingest'],
  ingest: ['store', 'queue', 'budgets'],
  dispatcher: ['store', 'queue', 'budgets'],
  sweeper: ['store', 'queue'],
  operator: ['store', 'kubernetes'],
} as const satisfies Readonly<Record<string, readonly DependencyName[]>>;

/**
 * Health and its server, owned by the program's stack. A program opens them before it connects to
 * anything, so that `/readyz` names what is not reached yet, and hands its ports to `health.watch`
 * once it has them.
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

/** Names on the NATS server. */
export const queueNames = ({
  installation,
}: {
  readonly installation?: string | undefined;
}): { readonly stream: string } => ({
  stream: installation === undefined ? 'MAIL' : `MAIL_${installation}`,
});

/** Names on the Redis server. */
export const budgetNames = ({
  installation,
}: {
  readonly installation?: string | undefined;
}): { readonly prefix?: string } =>
  installation === undefined ? {} : { prefix: `packetboat_${installation}` };

/**
 * The last line of a start: what was opened goes over to the program, which closes it in reverse.
 */
export function started(open: AsyncDisposableStack, ports: Program['ports']): Program {
  const owned = open.move();
  return { ports, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
