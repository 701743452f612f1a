// Runs each command of docs/kubernetes.md. The programs of the release are processes with real
// backends, with the environment, the Secret files and the service account that the chart renders.
// Only addresses differ, since there is no cluster network.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { SenderStatus } from '../../operator/api/v1alpha1/status.ts';
import { uniqueName } from '../support/backend.ts';
import { makeAuthority } from '../support/certificates.ts';
import { type Controllers, environmentOf, playControllers } from '../support/controllers.ts';
import { borrow, describeWith } from '../support/describe-with.ts';
import { startDnsServer, type TestDnsServer } from '../support/dns-server.ts';
import { freePort } from '../support/free-port.ts';
import { Guide, shell } from '../support/guide.ts';
import { helm, podOf, render } from '../support/helm.ts';
import { type PacketboatProgram, type Role, startRole } from '../support/installation.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../support/kubernetes.ts';
import { requireFile } from '../support/need.ts';
import { operatorAccount } from '../support/operator-account.ts';
import { startSink } from '../support/smtp-sink.ts';
import { forget, inDatabase } from '../support/start-cluster.ts';

const root = join(import.meta.dirname, '../..');
const guide = new Guide(join(root, 'docs/kubernetes.md'));
const roles: readonly Role[] = ['ingest', 'gateway', 'dispatcher', 'sweeper', 'operator'];

describeWith(
  ['kube-apiserver', 'etcd', 'kubectl', 'helm', 'helm3', 'mongo', 'nats', 'redis'],
  'the guide to Kubernetes',
  () => {
    const open = new AsyncDisposableStack();
    const installation = uniqueName('release');
    const programs = new Map<string, PacketboatProgram>();
    let kubernetes: Kubernetes;
    let controllers: Controllers;
    let dns: TestDnsServer;
    let cwd: string;
    let env: Readonly<Record<string, string | undefined>>;
    let addresses: Readonly<Record<string, Readonly<Record<string, string>>>>;
    let smtpPort: number;

    /** Runs the next commands of the guide below this heading. */
    const follow = (heading: string): Promise<string> => shell(guide.take(heading, 'sh'), { cwd, env });
    const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, ['-n', 'mail', ...args]);

    beforeAll(async () => {
      kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
      dns = open.use(await startDnsServer());
      const [mongo, nats, redis] = await Promise.all([borrow('mongo'), borrow('nats'), borrow('redis')]);
      const mongodbUrl = inDatabase(mongo.url, installation);
      open.defer(() => forget(mongodbUrl, nats.url, installation));
      cwd = await mkdtemp(join(tmpdir(), 'packetboat-guide-'));
      open.defer(() => rm(cwd, { recursive: true }));
      for (const folder of ['charts', 'examples']) await symlink(join(root, folder), join(cwd, folder));
      for (const program of ['helm', 'kubectl'] as const)
        await symlink(requireFile(program), join(cwd, program));

      const [http, grpc] = [await freePort(), await freePort()];
      smtpPort = await freePort();
      const gateway = `http://127.0.0.1:${http}`;
      const account = await kubernetes.podEnvFor(operatorAccount('mail').name);
      addresses = {
        ingest: { PACKETBOAT_GRPC_ADDR: `127.0.0.1:${grpc}` },
        gateway: { PACKETBOAT_HTTP_ADDR: `127.0.0.1:${http}`, PACKETBOAT_INGEST_ADDR: `127.0.0.1:${grpc}` },
        dispatcher: { PACKETBOAT_RELAY: `smtp://127.0.0.1:${smtpPort}` },
        operator: account,
        'self-test': { PACKETBOAT_URL: gateway, PACKETBOAT_SMTP_ADDR: `127.0.0.1:${smtpPort}` },
      };
      env = {
        ...{
          PATH: `${cwd}:${process.env.PATH}`,
          HOME: cwd,
          KUBECONFIG: kubernetes.kubeconfig,
          GATEWAY: gateway,
        },
        ...{ MONGODB_URL: mongodbUrl, NATS_URL: nats.url, REDIS_URL: redis.url },
      };
    }, 120_000);
    afterAll(() => open.disposeAsync(), 60_000);

    const played = () => ({
      kubeconfig: kubernetes.kubeconfig,
      namespace: 'mail',
      env: ({ args: [program = ''] = [] }: { readonly args?: readonly string[] }) => addresses[program] ?? {},
    });

    async function startPrograms(values: readonly string[]): Promise<void> {
      const deployments = (await render(values)).filter(({ kind }) => kind === 'Deployment');
      for (const role of roles) {
        const pod = deployments.map(podOf).find((spec) => spec?.containers[0]?.args?.[0] === role);
        const [container] = pod?.containers ?? [];
        if (pod === undefined || container === undefined) throw new Error(`the chart has no ${role}`);
        const folder = await mkdtemp(join(tmpdir(), 'packetboat-pod-'));
        open.defer(() => rm(folder, { recursive: true, force: true }));
        const environment = await environmentOf(played(), `packetboat-${role}-0`, pod, container, folder);
        programs.set(role, open.use(await startRole(role, environment, await freePort())));
      }
    }

    it('a trial', async () => {
      await follow('A trial');
      const names = await kubectlOk(kubernetes.kubeconfig, [
        '-n',
        'trial',
        'get',
        'deployments,statefulsets',
        '-o',
        'name',
      ]);
      expect(names.trim().split('\n')).toHaveLength(8);
      // no pod runs here that the Job before it would wait for
      await shell('helm uninstall trial --namespace trial --no-hooks', { cwd, env });
    });

    it('over existing backends: Secrets, values and the release', async () => {
      await follow('Over existing backends');
      const said = parse(guide.take('Over existing backends', 'yaml')) as { readonly config: object };
      // what depends on where it runs; and certificates between the programs, which the guide has
      // further down
      const authority = makeAuthority();
      for (const program of ['ingest', 'gateway']) {
        const { cert, key } = authority.issue({ names: [`packetboat-${program}.mail.svc`, '127.0.0.1'] });
        const files = [
          `--from-literal=tls.crt=${cert}`,
          `--from-literal=tls.key=${key}`,
          `--from-literal=ca.crt=${authority.cert}`,
        ];
        await ctl('create', 'secret', 'generic', `${program}-tls`, ...files);
      }
      const values = {
        ...said,
        config: {
          ...said.config,
          allowCidrs: ['127.0.0.0/8'],
          installation,
          dnsServers: [`127.0.0.1:${dns.port}`],
        },
        tls: {
          enabled: true,
          ingest: { existingSecret: 'ingest-tls' },
          gateway: { existingSecret: 'gateway-tls' },
        },
        helmTest: { waitSeconds: 60 },
      };
      await writeFile(join(cwd, 'values.yaml'), stringify(values));
      await follow('Over existing backends');
      await ctl('wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all');
      await startPrograms(['--values', join(cwd, 'values.yaml')]);
      controllers = open.use(playControllers(played()));
      for (const [role, { operationsUrl }] of programs)
        await expect
          .poll(async () => [role, (await fetch(`${operationsUrl}/readyz`)).status], { timeout: 20_000 })
          .toEqual([role, 200]);
    }, 120_000);

    it('helm test', async () => {
      // no pod runs here whose logs the API server could fetch
      const command = guide.take('Over existing backends', 'sh').replace(' --logs', '');
      expect(await shell(command, { cwd, env })).toMatch(/Phase: +Succeeded/);
      expect(controllers.outputs.get('packetboat-test')).toContain('"msg":"delivered"');
    }, 120_000);

    it('helm test by Helm 3, which fails when nothing is delivered', async () => {
      const dispatcher = programs.get('dispatcher');
      dispatcher?.pause();
      const values = ['--reuse-values', '--set', 'helmTest.waitSeconds=5'];
      const options = { KUBECONFIG: kubernetes.kubeconfig };
      await shell(`helm upgrade packetboat charts/packetboat --namespace mail ${values.join(' ')}`, {
        cwd,
        env,
      });
      const { code } = await helm(
        'helm3',
        ['test', 'packetboat', '--namespace', 'mail', '--timeout', '90s'],
        options,
      );
      expect([code, controllers.outputs.get('packetboat-test')]).toEqual([
        1,
        expect.stringMatching(/The message was not delivered: status (?:queued|sending)/),
      ]);
      dispatcher?.resume();
    }, 150_000);

    it('a first Sender', async () => {
      const heading = 'A first Sender, in ten minutes';
      const mail = await follow(heading);
      expect(mail).toMatch(/sender\S*notifications\s+False\s+DomainNotVerified/);
      expect(mail).toMatch(/template\S*order-shipped/);

      for (const line of (await follow(heading)).trim().split('\n')) {
        const [type = '', name = '', ...rest] = line.split(' ');
        const value = rest.join(' ');
        const record =
          type === 'MX' ? { mx: [{ preference: 10, exchange: value.slice(3) }] } : { txt: [value] };
        dns.zone[name] = { ...dns.zone[name], ...record };
      }
      await follow(heading);
      const { dnsRecords } = JSON.parse(
        await ctl('get', 'sender', 'notifications', '-o', 'jsonpath={.status}'),
      ) as SenderStatus;
      expect(dnsRecords?.map(({ state }) => state)).toEqual(['Found', 'Found', 'Found', 'Found']);

      await using sink = await startSink({ port: smtpPort });
      await ctl('wait', '--for=condition=Ready', '--timeout=60s', 'template/order-shipped');
      expect(JSON.parse(await follow(heading))).toMatchObject({ message_id: expect.stringMatching(/^msg_/) });
      // the route may still be paused from the previous test
      await sink.until(() => sink.mails.some(({ to }) => to.includes('user@example.com')), 60_000);
    }, 120_000);

    it('GitOps: the files are Flux’s kinds, and Argo CD’s rule is YAML with Lua in it', () => {
      const documents = parseAllDocuments(guide.take('GitOps', 'yaml')).map(
        (document) => document.toJS() as { readonly kind: string },
      );
      expect(documents.map(({ kind }) => kind)).toEqual(['HelmRelease', 'Kustomization']);
    });

    it('upgrade and roll back', async () => {
      expect(await follow('Upgrade and roll back')).toContain('Rollback was a success');
    });

    it('backup', async () => {
      await follow('Backup');
      const [secret] = parseAllDocuments(await shell('cat keyring-backup.yaml', { cwd, env })).map(
        (document) => document.toJS() as { readonly data: object },
      );
      expect(Object.keys(secret?.data ?? {}).sort()).toEqual(['catalog', 'cursor', 'return', 'suppression']);
      expect(await shell('cat mail-backup.yaml', { cwd, env })).toContain('name: notifications');
    });

    it('restore: the objects are back, and the key keeps its selector', async () => {
      const keysOf = async () => {
        const { status } = JSON.parse(await ctl('get', 'sender', 'notifications', '-o', 'json')) as {
          readonly status: SenderStatus;
        };
        return status.dkimKeys?.map(({ selector, state, fingerprint }) => ({ selector, state, fingerprint }));
      };
      const before = await keysOf();
      expect(before).toMatchObject([{ state: 'Active' }]);
      await ctl('delete', 'senders,templates', '--all', '--timeout=10s');
      await ctl('delete', 'secrets', '--field-selector', 'type=packetboat.dev/dkim');
      await follow('Restore');
      await ctl('wait', '--for=condition=Ready', '--timeout=60s', 'sender/notifications');
      await ctl('wait', '--for=condition=Ready', '--timeout=60s', 'template/order-shipped');
      expect(await keysOf()).toEqual(before);
    }, 180_000);

    it('uninstall', async () => {
      await follow('Uninstall');
      expect(await ctl('get', 'senders', '-o', 'name')).toContain('notifications');
      expect(await ctl('get', 'deployments', '-o', 'name')).toBe('');
      await ctl('delete', 'sender', 'notifications', '--timeout=10s');
    }, 120_000);

    it('has no command that was not run', () => {
      expect(guide.left).toEqual([]);
    });
  },
);

describeWith(['lua'], 'the health rule for Argo CD', () => {
  const rules = parse(
    new Guide(join(root, 'docs/kubernetes.md')).blocks.find(({ text }) =>
      text.includes('resource.customizations'),
    )?.text ?? '',
  ) as {
    readonly data: Readonly<Record<string, string>>;
  };
  const [rule = ''] = Object.values(rules.data);
  const ready = (status: string, reason: string) => ({
    observedGeneration: 2,
    conditions: [
      { type: 'Accepted', status: 'True' },
      { type: 'Ready', status, reason, message: 'so' },
    ],
  });

  it.each([
    ['nobody has looked yet', {}, 'Progressing'],
    ['an edit that is not judged yet', { ...ready('True', 'Ready'), observedGeneration: 1 }, 'Progressing'],
    ['all is well', ready('True', 'Ready'), 'Healthy'],
    ['suspended', ready('True', 'Suspended'), 'Suspended'],
    ['a fault', ready('False', 'SecretNotFound'), 'Degraded'],
    ['waiting', ready('Unknown', 'Pending'), 'Progressing'],
  ])('%s', async (_, status, health) => {
    const object = luaOf({ metadata: { generation: 2 }, status });
    const script = `obj = ${object}\nlocal health = (function()\n${rule}\nend)()\nprint(health.status)`;
    const printed = await new Promise<string>((resolve) =>
      execFile(requireFile('lua'), ['-e', script], (_error, stdout, stderr) => resolve(stdout + stderr)),
    );
    expect(printed.trim()).toBe(health);
  });
});

/** A Lua table. */
function luaOf(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(luaOf).join(', ')}}`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, inner]) => `[${JSON.stringify(key)}] = ${luaOf(inner)}`)
      .join(', ')}}`;
  return JSON.stringify(value);
}
