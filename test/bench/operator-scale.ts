// What the operator costs with thousands of objects: how long until all are ready, how large it
// grows, and what it asks for when nothing happens; and how long nobody works when the one that
// leads is stopped or killed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type SenderResource,
  senders,
  type TemplateResource,
  templates,
} from '../../operator/api/v1alpha1/resources.ts';
import { openKubernetesClient } from '../../operator/kubernetes/http-client.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { readOrMakeKeyring } from '../../services/runtime/keyring.ts';
import { startMongo, startNats } from '../support/backend.ts';
import { freePort } from '../support/free-port.ts';
import { type PacketboatProgram, startRole } from '../support/installation.ts';
import { kubectlOk, startKubernetes } from '../support/kubernetes.ts';
import { isMissing, needs } from '../support/need.ts';
import { grantOperator, operatorAccount } from '../support/operator-account.ts';
import { usageOf } from './usage.ts';

const crds = join(import.meta.dirname, '../../charts/packetboat/files/crds');
const needed = ['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo-server', 'nats-server'] as const;
const CREATED_AT_ONCE = 16;
const CONVERGE_MS = 1_200_000;
const LOOK_MS = 250;
/**
 * An operator that is busy with thousands of objects may be slow to answer, and does so in the end.
 */
const METRICS_MS = 10_000;
const METRICS_TRIES = 5;

export interface OperatorScaleOptions {
  /** Of each kind. */
  readonly objects: number;
  readonly idleSeconds: number;
}

export interface OperatorScale {
  readonly missing: string | null;
  readonly objects: number;
  /**
   * From the start of the program until all are ready, and of a second one that finds all as it
   * should be.
   */
  readonly convergeSeconds: number;
  readonly againSeconds: number;
  readonly requestsToConverge: number;
  /** Of the larger one of these two. */
  readonly rssPeakBytes: number;
  readonly idleRequestsPerMinute: number;
  readonly idleCpuMsPerMinute: number;
  /** Until another one leads. */
  readonly takeoverMs: { readonly stopped: number; readonly killed: number };
}

export async function measureOperator(
  options: OperatorScaleOptions,
  say: (line: string) => void,
): Promise<OperatorScale> {
  const absent = needed.find(isMissing);
  if (absent !== undefined) return { ...nothing, missing: `${absent}: get ${needs[absent].get}` };
  await using open = new AsyncDisposableStack();
  const kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
  const [mongo, nats] = [open.use(await startMongo()), open.use(await startNats())];
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-bench-operator-'));
  open.defer(() => rm(folder, { recursive: true, force: true }));
  const keyringFile = join(folder, 'keyring.json');
  await readOrMakeKeyring(keyringFile, new SystemRandom());
  await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', crds]);
  await kubectlOk(kubernetes.kubeconfig, [
    'wait',
    '--for=condition=Established',
    '--timeout=30s',
    '-f',
    crds,
  ]);
  for (const name of ['mail', 'shop']) await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', name]);
  const env = {
    ...{
      MONGODB_URL: mongo.url,
      NATS_URL: nats.url,
      PACKETBOAT_KEYRING_FILE: keyringFile,
      PACKETBOAT_NAMESPACE: 'mail',
    },
    PACKETBOAT_NAMESPACES: 'shop',
    // what Node takes by itself in the chart's container of 384 MiB, and what the chart sets
    NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=256',
    MALLOC_ARENA_MAX: '2',
    ...(await kubernetes.podEnvFor(operatorAccount('mail').name)),
  };
  await grantOperator(kubernetes, { namespace: 'mail', namespaces: ['shop'] });
  const start = async (): Promise<PacketboatProgram> =>
    open.use(await startRole('operator', env, await freePort()));

  say(`creating ${options.objects} Senders and as many Templates`);
  await createAll(kubernetes.kubeconfig, options.objects);

  const startedAt = performance.now();
  let leader = await start();
  await untilReady(leader, options.objects, say);
  const convergeSeconds = (performance.now() - startedAt) / 1_000;
  const requestsToConverge = await requestsOf(leader);

  // what the first visits left to do is done
  await sleep(10_000);
  const [before, cpuBefore] = [await requestsOf(leader), cpuOf(leader)];
  await sleep(options.idleSeconds * 1_000);
  const perMinute = 60 / options.idleSeconds;
  const idleRequestsPerMinute = ((await requestsOf(leader)) - before) * perMinute;
  const idleCpuMsPerMinute = (cpuOf(leader) - cpuBefore) * perMinute;
  const firstPeak = peakOf(leader);
  say(
    `${convergeSeconds.toFixed(1)} s, ${Math.round(firstPeak / 1024 / 1024)} MiB, idle ${idleRequestsPerMinute.toFixed(1)} requests a minute`,
  );

  const takeover = async (end: (program: PacketboatProgram) => Promise<unknown>): Promise<number> => {
    const other = await start();
    await sleep(3_000); // it waits for its turn
    const endedAt = performance.now();
    await end(leader);
    while (!(await metricsOf(other)).includes('leader_election_master_status{name="packetboat-operator"} 1'))
      await sleep(20);
    leader = other;
    return performance.now() - endedAt;
  };
  const stopped = await takeover((program) => program.stop());
  const leadsAt = performance.now();
  await untilReady(leader, options.objects, say);
  const againSeconds = (performance.now() - leadsAt) / 1_000;
  const rssPeakBytes = Math.max(firstPeak, peakOf(leader));
  say(`again ${againSeconds.toFixed(1)} s, ${Math.round(peakOf(leader) / 1024 / 1024)} MiB`);
  const killed = await takeover((program) => program.kill());
  say(`taken over after ${Math.round(stopped)} ms when stopped, ${Math.round(killed)} ms when killed`);
  return {
    ...{
      missing: null,
      objects: options.objects,
      convergeSeconds,
      againSeconds,
      requestsToConverge,
      rssPeakBytes,
    },
    ...{ idleRequestsPerMinute, idleCpuMsPerMinute, takeoverMs: { stopped, killed } },
  };
}

const nothing = {
  ...{
    objects: 0,
    convergeSeconds: 0,
    againSeconds: 0,
    requestsToConverge: 0,
    rssPeakBytes: 0,
    idleRequestsPerMinute: 0,
    idleCpuMsPerMinute: 0,
  },
  takeoverMs: { stopped: 0, killed: 0 },
};

/**
 * DNS is not asked and keys are not made: both take as long as they take, whatever the operator is.
 */
async function createAll(kubeconfig: string, count: number): Promise<void> {
  await using client = await openKubernetesClient({ access: { kubeconfig }, fieldManager: 'bench' });
  const apiVersion = 'packetboat.dev/v1alpha1';
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < count; i = next++) {
      const domain = `s${i}.example`;
      const sender = {
        ...{ apiVersion, kind: 'Sender', metadata: { name: `s${i}`, namespace: 'shop' } },
        spec: {
          ...{
            domain,
            from: { address: `hello@${domain}` },
            verification: { policy: 'Disabled' },
            dkim: { policy: 'Disabled' },
          },
          routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
        },
      };
      const template = {
        ...{ apiVersion, kind: 'Template', metadata: { name: `t${i}`, namespace: 'shop' } },
        spec: {
          ...{ senderRef: { name: `s${i}` }, defaultLocale: 'en', sampleData: { number: '7' } },
          variables: { type: 'object', required: ['number'], properties: { number: { type: 'string' } } },
          locales: [
            {
              locale: 'en',
              subject: 'Order {{number}}',
              html: `<p>Your order <b>{{number}}</b>.</p>${'<p>Kind regards</p>'.repeat(40)}`,
              text: 'Your order {{number}}.',
            },
            {
              locale: 'de',
              subject: 'Bestellung {{number}}',
              html: `<p>Ihre Bestellung <b>{{number}}</b>.</p>${'<p>Mit Gruß</p>'.repeat(40)}`,
              text: 'Ihre Bestellung {{number}}.',
            },
          ],
        },
      };
      await client.create(senders, sender as unknown as SenderResource);
      await client.create(templates, template as unknown as TemplateResource);
    }
  };
  await Promise.all(Array.from({ length: CREATED_AT_ONCE }, worker));
}

async function untilReady(
  program: PacketboatProgram,
  count: number,
  say: (line: string) => void,
): Promise<void> {
  const giveUpAt = performance.now() + CONVERGE_MS;
  let told = 0;
  for (;;) {
    const text = await metricsOf(program);
    const ready = [
      ...text.matchAll(/packetboat_operator_resource_ready\{kind="\w+",status="True"\} (\d+)/g),
    ].reduce((sum, [, n]) => sum + Number(n), 0);
    if (
      ready >= 2 * count &&
      /workqueue_depth\{name="sender"\} 0\n/.test(text) &&
      /workqueue_depth\{name="template"\} 0\n/.test(text)
    )
      return;
    if (performance.now() > giveUpAt)
      throw new Error(`${ready} of ${2 * count} objects are ready after ${CONVERGE_MS / 1_000} s`);
    if (ready - told >= count / 2) {
      told = ready;
      say(`${ready} of ${2 * count} ready`);
    }
    await sleep(LOOK_MS);
  }
}

/** A connection that was kept may end as it is used again. */
async function metricsOf(program: PacketboatProgram): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await (
        await fetch(`${program.operationsUrl}/metrics`, { signal: AbortSignal.timeout(METRICS_MS) })
      ).text();
    } catch (error) {
      if (program.pid === undefined || tries === METRICS_TRIES)
        throw new Error(`the operator does not answer: ${program.output()}`, { cause: error });
      await sleep(LOOK_MS);
    }
  }
}

async function requestsOf(program: PacketboatProgram): Promise<number> {
  const text = await metricsOf(program);
  return [...text.matchAll(/^rest_client_requests_total\{[^}]*\} (\d+)/gm)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  );
}

const usage = ({ pid = 0 }: PacketboatProgram) => usageOf([{ name: 'operator', pid }])[0];
const peakOf = (program: PacketboatProgram): number => usage(program)?.rssPeakBytes ?? 0;
const cpuOf = (program: PacketboatProgram): number => usage(program)?.cpuMs ?? 0;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
