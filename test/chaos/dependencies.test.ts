// Every program over every dependency that it has (P20): the dependency is frozen and killed, and
// each program names it, and no other, within 5 s, in /readyz and in a metric.

import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { dependenciesOf } from '../../services/runtime/program.ts';
import { describeWith } from '../support/describe-with.ts';
import { freePort } from '../support/free-port.ts';
import { type PacketboatProgram, type Role, startRole } from '../support/installation.ts';
import { kubectlOk, startKubernetes } from '../support/kubernetes.ts';
import { grantOperator, operatorAccount } from '../support/operator-account.ts';
import type { RunningProgram } from '../support/process.ts';
import { openCluster } from './stage.ts';

const crds = join(import.meta.dirname, '../../charts/packetboat/files/crds');
const NAMESPACE = 'shop';
/** P20. */
const NAMED_WITHIN_MS = 5_000;
const BACK_WITHIN_MS = 30_000;

type Dependency = (typeof dependenciesOf)[keyof typeof dependenciesOf][number];

interface Shown {
  readonly status: string;
  readonly lost: readonly string[];
  readonly up: Readonly<Record<string, number>>;
}

/** Without one of these a program takes no requests; without another it only says so. */
const required: ReadonlySet<string> = new Set(['store', 'ingest', 'kubernetes']);

async function look({ operationsUrl }: PacketboatProgram): Promise<Shown> {
  const [readyz, metrics] = await Promise.all([
    fetch(`${operationsUrl}/readyz`).then((response) => response.json()),
    fetch(`${operationsUrl}/metrics`).then((response) => response.text()),
  ]);
  const { status, lost, not_reached } = readyz as Readonly<
    Record<'lost' | 'not_reached', readonly string[]>
  > & {
    readonly status: string;
  };
  const gauges = metrics.matchAll(/^packetboat_dependency_up\{dependency="(\w+)"\} ([01])$/gm);
  return {
    status,
    lost: [...lost, ...not_reached],
    up: Object.fromEntries([...gauges].map(([, name = '', value]) => [name, Number(value)])),
  };
}

/** What a program shows while it lacks these dependencies, as far as it has them. */
function shownWithout(role: Role, gone: readonly Dependency[]): Shown {
  const names: readonly Dependency[] = dependenciesOf[role];
  const lost = names.filter((name) => gone.includes(name));
  const isDegraded = lost.length > 0;
  return {
    status: lost.some((name) => required.has(name)) ? 'not_ready' : isDegraded ? 'degraded' : 'ready',
    lost,
    up: Object.fromEntries(names.map((name) => [name, gone.includes(name) ? 0 : 1])),
  };
}

describeWith(
  ['kube-apiserver', 'etcd', 'kubectl', 'mongo-server', 'nats-server', 'redis-server'],
  'a program whose dependency is gone',
  () => {
    test('names the dependency, and no other, within 5 s: each program, each dependency, frozen and killed', async () => {
      await using open = new AsyncDisposableStack();
      const account = operatorAccount(NAMESPACE);
      const starting = [
        openCluster({ gateways: 1, ingests: 1, dispatchers: 1, sweepers: 1 }),
        startKubernetes([account]),
      ] as const;
      for (const result of await Promise.allSettled(starting))
        if (result.status === 'fulfilled') open.use<AsyncDisposable>(result.value);
      const [stage, kubernetes] = await Promise.all(starting);
      const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, args);
      await ctl('create', '-f', crds);
      await ctl('create', 'namespace', NAMESPACE);
      await grantOperator(kubernetes, { namespace: NAMESPACE, namespaces: [NAMESPACE] });
      const operator = open.use(
        await startRole(
          'operator',
          {
            ...stage.installation.env,
            ...(await kubernetes.podEnvFor(account.name)),
            PACKETBOAT_NAMESPACES: NAMESPACE,
            PACKETBOAT_NAMESPACE: NAMESPACE,
          },
          await freePort(),
        ),
      );
      const programs = [...stage.installation.programs, operator];
      const [ingest = expect.fail('one ingest runs')] = stage.of('ingest');

      const servers: Readonly<Record<Dependency, RunningProgram>> = {
        ...{ store: stage.mongo, queue: stage.nats, budgets: stage.redis },
        ...{ ingest, kubernetes: kubernetes.apiServer },
      };
      const until = (gone: readonly Dependency[], of: readonly PacketboatProgram[], timeout: number) =>
        Promise.all(
          of.map((program) => {
            const { role } = program;
            const isShown = async (): Promise<void> =>
              expect({ role, ...(await look(program)) }).toEqual({ role, ...shownWithout(role, gone) });
            return vi.waitFor(isShown, { timeout, interval: 50 });
          }),
        );
      const named = new Set<string>();
      const lose = async (how: 'frozen' | 'killed', ...gone: readonly Dependency[]): Promise<void> => {
        const lost = gone.map((name) => servers[name]);
        await Promise.all(lost.map((server) => (how === 'frozen' ? server.pause() : server.kill())));
        const others = programs.filter((program) => !lost.includes(program));
        await until(gone, others, NAMED_WITHIN_MS);
        for (const { role } of others)
          for (const name of shownWithout(role, gone).lost) named.add(`${role}: ${name} ${how}`);
        await Promise.all(lost.map((server) => (how === 'frozen' ? server.resume() : server.restart())));
        await until([], programs, BACK_WITHIN_MS);
      };
      await until([], programs, BACK_WITHIN_MS);
      await lose('frozen', 'queue', 'kubernetes');
      await lose('frozen', 'budgets');
      await lose('frozen', 'ingest');
      await lose('frozen', 'store');
      await lose('killed', 'queue', 'budgets', 'kubernetes');
      await lose('killed', 'ingest');
      // last, because a stand-in of MongoDB forgets everything
      await lose('killed', 'store');
      const all = Object.entries(dependenciesOf).flatMap(([role, names]) =>
        role === 'dev' ? [] : names.flatMap((name) => [`${role}: ${name} frozen`, `${role}: ${name} killed`]),
      );
      expect([...named].toSorted()).toEqual(all.toSorted());
    }, 180_000);
  },
);
