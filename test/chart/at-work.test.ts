// A release at work: the programs as the chart renders them, with its environment, its files of Secrets and its service account, as processes over real
// backends; and `helm test` of it. Only addresses are others, for there is no network of a cluster here.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RestClient } from '../e2e/rest-client.ts';
import { uniqueName } from '../support/backend.ts';
import { makeAuthority } from '../support/certificates.ts';
import { type Controllers, environmentOf, playControllers } from '../support/controllers.ts';
import { borrow, describeWith } from '../support/describe-with.ts';
import { freePort } from '../support/free-port.ts';
import { chart, type Helm, helm, helmOk, podOf, render } from '../support/helm.ts';
import { newKey, type PacketboatProgram, type Role, startRole } from '../support/installation.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../support/kubernetes.ts';
import { operatorAccount } from '../support/operator-account.ts';
import { forget, inDatabase } from '../support/start-cluster.ts';

const roles: readonly Role[] = ['ingest', 'gateway', 'dispatcher', 'sweeper', 'operator'];

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm', 'helm3', 'mongo', 'nats', 'redis'], 'a release at work', () => {
  const open = new AsyncDisposableStack();
  const installation = uniqueName('release');
  const key = newKey();
  const programs = new Map<string, PacketboatProgram>();
  let kubernetes: Kubernetes;
  let controllers: Controllers;
  let gateway: string;

  const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, ['-n', 'mail', ...args]);
  const run = (which: Helm, args: readonly string[]) =>
    helm(which, [...args, '--namespace', 'mail'], { KUBECONFIG: kubernetes.kubeconfig });

  beforeAll(async () => {
    kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
    await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', 'mail']);
    const account = await kubernetes.kubeconfigFor(operatorAccount('mail').name);

    const [mongo, nats, redis] = await Promise.all([borrow('mongo'), borrow('nats'), borrow('redis')]);
    const mongodbUrl = inDatabase(mongo.url, installation);
    open.defer(() => forget(mongodbUrl, nats.url, installation));
    const secret = () => randomBytes(32).toString('base64');
    const purposes = ['catalog', 'suppression', 'cursor', 'return'];
    const keyring = purposes.map((purpose) => `--from-literal=${purpose}=[{id: one, secret: ${secret()}}]`);
    await ctl('create', 'secret', 'generic', 'packetboat-keyring', ...keyring);
    await ctl('create', 'secret', 'generic', 'packetboat-key', `--from-literal=key=${key}`);
    await ctl('create', 'secret', 'generic', 'mongodb', `--from-literal=url=${mongodbUrl}`);
    const authority = makeAuthority();
    for (const program of ['ingest', 'gateway']) {
      const { cert, key: privateKey } = authority.issue({ names: [`packetboat-${program}.mail.svc`, '127.0.0.1'] });
      const files = [`--from-literal=tls.crt=${cert}`, `--from-literal=tls.key=${privateKey}`, `--from-literal=ca.crt=${authority.cert}`];
      await ctl('create', 'secret', 'generic', `${program}-tls`, ...files);
    }
    const values = [
      ...['mongodb.existingSecret.name=mongodb', `nats.url=${nats.url}`, `redis.url=${redis.url}`],
      ...['keyring.existingSecret=packetboat-keyring', 'bootstrapKey.existingSecret.name=packetboat-key'],
      ...['tls.enabled=true', 'tls.ingest.existingSecret=ingest-tls', 'tls.gateway.existingSecret=gateway-tls'],
      ...[`config.installation=${installation}`, 'config.allowCidrs={127.0.0.0/8}', 'helmTest.waitSeconds=60'],
    ].flatMap((value) => ['--set', value]);
    await helmOk('helm', ['install', 'packetboat', chart, '--namespace', 'mail', ...values], { KUBECONFIG: kubernetes.kubeconfig });
    await ctl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');

    const [http, grpc, smtp] = [await freePort(), await freePort(), await freePort()];
    gateway = `http://127.0.0.1:${http}`;
    const addresses: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      ingest: { PACKETBOAT_GRPC_ADDR: `127.0.0.1:${grpc}` },
      gateway: { PACKETBOAT_HTTP_ADDR: `127.0.0.1:${http}`, PACKETBOAT_INGEST_ADDR: `127.0.0.1:${grpc}` },
      dispatcher: { PACKETBOAT_RELAY: `smtp://127.0.0.1:${smtp}` },
      operator: { KUBECONFIG: account },
      'self-test': { PACKETBOAT_URL: gateway, PACKETBOAT_SMTP_ADDR: `127.0.0.1:${smtp}` },
    };
    const options = {
      kubeconfig: kubernetes.kubeconfig,
      namespace: 'mail',
      env: ({ args: [program = ''] = [] }: { readonly args?: readonly string[] }) => addresses[program] ?? {},
    };
    const deployments = (await render(values)).filter(({ kind }) => kind === 'Deployment');
    for (const role of roles) {
      const pod = deployments.map(podOf).find((spec) => spec?.containers[0]?.args?.[0] === role);
      const [container] = pod?.containers ?? [];
      if (pod === undefined || container === undefined) throw new Error(`the chart has no ${role}`);
      const folder = await mkdtemp(join(tmpdir(), 'packetboat-pod-'));
      open.defer(() => rm(folder, { recursive: true, force: true }));
      const env = await environmentOf(options, `packetboat-${role}-0`, pod, container, folder);
      programs.set(role, open.use(await startRole(role, env, await freePort())));
    }
    controllers = open.use(playControllers(options));
  }, 120_000);
  afterAll(() => open.disposeAsync(), 60_000);

  it('is ready, each program of it', async () => {
    for (const [role, { operationsUrl }] of programs)
      await expect.poll(async () => [role, (await fetch(`${operationsUrl}/readyz`)).status], { timeout: 20_000 }).toEqual([role, 200]);
  });

  it.each(['helm', 'helm3'] as const)(
    'passes %s test',
    async (which) => {
      const { code, stdout, stderr } = await run(which, ['test', 'packetboat', '--timeout', '90s']);
      expect([code, stdout + stderr, controllers.outputs.get('packetboat-test')]).toEqual([
        0,
        expect.stringMatching(/Phase: +Succeeded/),
        expect.stringContaining('"msg":"delivered"'),
      ]);
    },
    150_000,
  );

  it('gives the first key to the tenant of its namespace, and shows its Sender to kubectl', async () => {
    const { status, body } = await new RestClient(gateway, key).get('/v1/messages');
    expect([status, body.messages]).toEqual([
      200,
      [expect.objectContaining({ status: 'delivered' }), expect.objectContaining({ status: 'delivered' })],
    ]);
  });

  it('fails helm test when nothing is delivered', async () => {
    await programs.get('dispatcher')?.stop();
    const args = ['upgrade', 'packetboat', chart, '--namespace', 'mail', '--reuse-values', '--set', 'helmTest.waitSeconds=5'];
    await helmOk('helm', args, { KUBECONFIG: kubernetes.kubeconfig });
    const { code } = await run('helm', ['test', 'packetboat', '--timeout', '90s']);
    expect([code, controllers.outputs.get('packetboat-test')]).toEqual([
      1,
      expect.stringContaining('The message was not delivered: it is queued'),
    ]);
  }, 150_000);
});
