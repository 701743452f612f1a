// The whole operator on a real API server, with namespaces that do not exist or have no Role.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { listCatalog } from '../services/adapters/mongo/catalog-listing.ts';
import { type Mongo, openMongo } from '../services/adapters/mongo/connection.ts';
import { SystemRandom } from '../services/adapters/system/random.ts';
import { readOrMakeKeyring } from '../services/runtime/keyring.ts';
import { createLog } from '../services/runtime/log.ts';
import { createMetrics } from '../services/runtime/metrics.ts';
import type { Program } from '../services/runtime/program.ts';
import { readConfig } from '../services/runtime/read-config.ts';
import { startMongo } from '../test/support/backend.ts';
import { describeWith } from '../test/support/describe-with.ts';
import { freePort } from '../test/support/free-port.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../test/support/kubernetes.ts';
import { startOperatorHere } from '../test/support/operator.ts';
import { grantOperator, operatorAccount } from '../test/support/operator-account.ts';
import { start } from './main.ts';
import type { UnusableNamespace } from './reconcile/namespaces.ts';

const crds = join(import.meta.dirname, '../charts/packetboat/files/crds');
const WAIT = { timeout: 60_000, interval: 200 };
const apiVersion = 'packetboat.dev/v1alpha1';

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm', 'mongo-server'], 'unusable namespaces', () => {
  const open = new AsyncDisposableStack();
  let kubernetes: Kubernetes;
  let mongo: Mongo;
  let mongodbUrl: string;
  let kubeconfig: string;
  let folder: string;
  let program: Program | null = null;
  const log: string[] = [];

  const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, args);
  const apply = (object: object) =>
    kubectlOk(kubernetes.kubeconfig, ['apply', '-f', '-'], JSON.stringify(object));
  const grant = (...namespaces: readonly string[]) =>
    grantOperator(kubernetes, { namespace: 'mail', namespaces });
  const sender = (namespace: string) => ({
    ...{ apiVersion, kind: 'Sender', metadata: { name: namespace, namespace } },
    spec: {
      ...{ domain: `${namespace}.example`, from: { address: `hi@${namespace}.example` } },
      ...{ verification: { policy: 'Disabled' }, dkim: { policy: 'Disabled' } },
      routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
    },
  });
  const template = (name: string, namespace: string) => ({
    ...{ apiVersion, kind: 'Template', metadata: { name, namespace } },
    spec: { defaultLocale: 'en', locales: [{ locale: 'en', subject: 'Hi', text: 'Hello' }] },
  });
  const untilReady = (namespace: string) =>
    vi.waitFor(
      async () =>
        expect(
          await ctl(
            ...['-n', namespace, 'get', 'sender', namespace, '-o'],
            'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
          ),
        ).toBe('True'),
      WAIT,
    );
  const operations = (path: string) => fetch(`http://127.0.0.1:${program?.ports.metrics}${path}`);
  const untilReadyz = (status: number, body: object) =>
    vi.waitFor(async () => {
      const answer = await operations('/readyz');
      expect([answer.status, await answer.json()]).toEqual([status, body]);
    }, WAIT);
  const whole = { lost: [], not_reached: [] };
  const entries = async () => (await listCatalog(mongo)).map(({ key }) => key);
  const leaseEvents = () =>
    ctl(
      ...['-n', 'mail', 'get', 'events.events.k8s.io', '-o'],
      'jsonpath={range .items[*]}{.regarding.kind} {.reason} {.note}{"\\n"}{end}',
    );

  const run = async (): Promise<void> => {
    const config = readConfig('operator', {
      KUBECONFIG: kubeconfig,
      MONGODB_URL: mongodbUrl,
      NATS_URL: `nats://127.0.0.1:${await freePort()}`,
      PACKETBOAT_KEYRING_FILE: join(folder, 'keyring.json'),
      PACKETBOAT_NAMESPACE: 'mail',
      PACKETBOAT_NAMESPACES: 'ghost,shop,billing,bare',
      PACKETBOAT_METRICS_ADDR: '127.0.0.1:0',
    });
    const about = {
      log: createLog({
        ...{ program: 'operator', level: 'info' },
        destination: { write: (line) => void log.push(line) },
      }),
      metrics: createMetrics({ program: 'operator', version: '0' }),
    };
    program = await start(config, about);
  };
  const stop = async (): Promise<void> => {
    await program?.[Symbol.asyncDispose]();
    program = null;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'packetboat-namespaces-'));
    open.defer(() => rm(folder, { recursive: true, force: true }));
    await readOrMakeKeyring(join(folder, 'keyring.json'), new SystemRandom());
    kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
    mongodbUrl = open.use(await startMongo()).url;
    mongo = open.use(await openMongo(mongodbUrl));
    await ctl('apply', '-f', crds);
    await ctl('wait', '--for=condition=Established', '--timeout=30s', '-f', crds);
    for (const name of ['mail', 'shop', 'billing', 'bare']) await ctl('create', 'namespace', name);
    kubeconfig = await grant('shop', 'billing');
    open.defer(stop);
    for (const namespace of ['shop', 'billing', 'bare']) await apply(sender(namespace));
    await run();
  }, 90_000);
  afterAll(() => open.disposeAsync(), 60_000);

  it('the other namespaces work, and the unusable ones are named', async () => {
    await untilReady('shop');
    await untilReady('billing');
    await untilReadyz(200, {
      ...{ status: 'degraded', ...whole },
      details: ['namespace ghost: Forbidden', 'namespace bare: Forbidden'],
    });
    const metrics = await (await operations('/metrics')).text();
    for (const [namespace, value] of Object.entries({ ghost: 0, shop: 1, billing: 1, bare: 0 }))
      expect(metrics).toContain(
        `packetboat_operator_namespace_usable{watched_namespace="${namespace}"} ${value}`,
      );
    for (const namespace of ['ghost', 'bare']) {
      const note = `namespace ${namespace}: the objects are not reconciled: Forbidden`;
      // one line for each, not one for each retry of each kind
      expect(log.filter((line) => line.includes(note))).toHaveLength(1);
      await vi.waitFor(
        async () => expect(await leaseEvents()).toContain(`Lease NamespaceUnusable ${note}`),
        WAIT,
      );
    }
    expect(await ctl('-n', 'mail', 'describe', 'lease', 'packetboat-operator')).toContain(
      'NamespaceUnusable',
    );
  }, 90_000);

  it('a namespace is reconciled as soon as it exists and has a Role', async () => {
    await ctl('create', 'namespace', 'ghost');
    await apply(sender('ghost'));
    await grant('shop', 'billing', 'ghost');
    await untilReady('ghost');
    await untilReadyz(200, { status: 'degraded', ...whole, details: ['namespace bare: Forbidden'] });
    await grant('shop', 'billing', 'ghost', 'bare');
    await untilReady('bare');
    await untilReadyz(200, { status: 'ready', ...whole });
    await vi.waitFor(
      async () => expect(await leaseEvents()).toContain('Lease NamespaceUsable namespace bare'),
      WAIT,
    );
  }, 150_000);

  it('a lost Role removes nothing from the catalog, although other deletions are noticed', async () => {
    await apply(template('passing', 'shop'));
    await vi.waitFor(async () => expect(await entries()).toContain('template/shop/passing'), WAIT);
    await stop();
    await ctl('-n', 'billing', 'delete', 'rolebinding', 'mail-packetboat-operator');
    await ctl('-n', 'shop', 'delete', 'template', 'passing');
    await run();
    await untilReadyz(200, { status: 'degraded', ...whole, details: ['namespace billing: Forbidden'] });
    await vi.waitFor(async () => expect(await entries()).not.toContain('template/shop/passing'), WAIT);
    expect(await entries()).toContain('sender/billing/billing');
  }, 90_000);

  it('a namespace that does not exist is named although the operator may list everywhere', async () => {
    const told: (readonly UnusableNamespace[])[] = [];
    const options = { mongodbUrl, cluster: 'other', namespaces: ['nowhere', 'default'] };
    await using _operator = await startOperatorHere({
      ...options,
      kubeconfig: kubernetes.kubeconfig,
      onNamespaces: (unusable) => told.push(unusable),
    });
    await vi.waitFor(
      () => expect(told[0]).toMatchObject([{ namespace: 'nowhere', reason: 'NotFound' }]),
      WAIT,
    );
  });
});
