// What every program is given at its start, and what it gives back.

import type { ListenAddress } from './config.ts';
import { type Dependency, Health } from './health.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import { serveOperations } from './operations-server.ts';

export interface About {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Disposing shuts the program down in order (RELIABILITY P19). */
export interface Program extends AsyncDisposable {
  /** For people and tests: what listens where, by role: `http`, `grpc`, `metrics`, `smtp`. */
  readonly ports: Readonly<Record<string, number>>;
}

/** A port that can say whether what is behind it answers. */
interface Checked {
  check(): Promise<void>;
}

/** Without a store nothing can be accepted or delivered, and without an API server an operator has nothing to do; without the others work goes on, slower or by the rules of one process. */
export const dependenciesOf = (ports: {
  readonly store: Checked;
  readonly queue?: Checked;
  readonly budgets?: Checked;
  readonly kubernetes?: Checked;
}): Dependency[] =>
  Object.entries(ports).map(([name, port]: [string, Checked]) => ({
    name,
    isRequired: name === 'store' || name === 'kubernetes',
    check: () => port.check(),
  }));

/** Health and its server, owned by the program's stack. */
export async function openOperations(
  open: AsyncDisposableStack,
  address: ListenAddress,
  dependencies: readonly Dependency[],
  { log, metrics }: About,
): Promise<{ readonly health: Health; readonly port: number }> {
  const health = open.use(new Health({ dependencies, log, metrics }));
  const { port } = open.use(await serveOperations(address, { health, metrics }));
  return { health, port };
}

/** Names on the NATS server. */
export const queueNames = ({ installation }: { readonly installation?: string | undefined }): { readonly stream: string } => ({
  stream: installation === undefined ? 'MAIL' : `MAIL_${installation}`,
});

/** Names on the Redis server. */
export const budgetNames = ({ installation }: { readonly installation?: string | undefined }): { readonly prefix?: string } =>
  installation === undefined ? {} : { prefix: `packetboat_${installation}` };

/** The last line of a start: what was opened goes over to the program, which closes it in reverse. */
export function started(open: AsyncDisposableStack, ports: Program['ports']): Program {
  const owned = open.move();
  return { ports, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
