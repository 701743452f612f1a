// Installs, upgrades, rolls back, uninstalls and reinstalls the chart on a real API server, with
// Helm 3 and 4. There are no controllers, so the test does their work. No pod runs.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { playControllers } from '../support/controllers.ts';
import { describeWith } from '../support/describe-with.ts';
import {
  chart,
  combinations,
  type Helm,
  helm,
  helmOk,
  helms,
  podOf,
  render,
  valuesOf,
} from '../support/helm.ts';
import { type Kubernetes, kubectl, kubectlOk, startKubernetes } from '../support/kubernetes.ts';
import { requireFile } from '../support/need.ts';
import { operatorAccount } from '../support/operator-account.ts';

const sender = (name: string) => ({
  ...{
    apiVersion: 'packetboat.dev/v1alpha1',
    kind: 'Sender',
    metadata: { name, namespace: 'mail' },
  },
  spec: {
    domain: `${name}.example`,
    from: { address: `hi@${name}.example` },
    routes: [{ name: 'relay', smtp: { host: 'relay.example' } }],
  },
});

/** Whose pods may only be such as need no privileges. */
async function createRestricted(kubeconfig: string, namespace: string): Promise<void> {
  await kubectlOk(kubeconfig, ['create', 'namespace', namespace]);
  await kubectlOk(kubeconfig, [
    'label',
    'namespace',
    namespace,
    'pod-security.kubernetes.io/enforce=restricted',
  ]);
}

describeWith(
  ['kube-apiserver', 'etcd', 'kubectl', 'helm', 'foreign-definitions'],
  'what the chart renders, on an API server',
  () => {
    const open = new AsyncDisposableStack();
    let kubernetes: Kubernetes;
    const ctl = (args: readonly string[], input?: string) => kubectlOk(kubernetes.kubeconfig, args, input);

    beforeAll(async () => {
      kubernetes = open.use(await startKubernetes());
      await ctl([
        'apply',
        '--server-side',
        '-f',
        requireFile('foreign-definitions'),
        '-f',
        join(chart, 'files/crds'),
      ]);
      await ctl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
      for (const namespace of ['mail', 'shop', 'billing'])
        await createRestricted(kubernetes.kubeconfig, namespace);
    }, 60_000);
    afterAll(() => open.disposeAsync(), 30_000);

    it.each(combinations)('the API server takes every object, with the values of %s', async (combination) => {
      const objects = await render(['--values', valuesOf(combination)]);
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      const taken = await ctl(['apply', '--dry-run=server', '--validate=strict', '-f', '-'], list);
      expect(taken.trim().split('\n')).toHaveLength(objects.length);
      expect(taken.match(/\(server dry run\)/g)).toHaveLength(objects.length);
    });

    it.each(combinations)(
      'every pod is one of Pod Security’s restricted, with the values of %s',
      async (combination) => {
        const pods = (await render(['--values', valuesOf(combination)])).flatMap((object) => {
          const spec = podOf(object);
          if (spec === undefined) return [];
          // as the controller of StatefulSets puts them in
          const claims = (object.spec?.volumeClaimTemplates ?? []).map(({ metadata: { name } }) => ({
            name,
            persistentVolumeClaim: { claimName: `${name}-${object.metadata.name}-0` },
          }));
          const volumes = [...(spec.volumes ?? []), ...claims];
          return [
            {
              apiVersion: 'v1',
              kind: 'Pod',
              metadata: { name: object.metadata.name, namespace: 'mail' },
              spec: { ...spec, volumes },
            },
          ];
        });
        expect(pods.length).toBeGreaterThan(4);
        for (const pod of pods) {
          // only a Job's pod may be restarted on failure alone, and that is not what is asked here
          await ctl(
            ['create', '--dry-run=server', '-f', '-'],
            JSON.stringify({ ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } }),
          );
          // and it would say so if one were not
          const { securityContext, ...more } = pod.spec as unknown as Readonly<Record<string, unknown>>;
          expect(securityContext).toMatchObject({ runAsNonRoot: true });
          const loose = { ...pod, spec: { ...more, restartPolicy: 'Never', hostNetwork: true } };
          const { stderr } = await kubectl(
            kubernetes.kubeconfig,
            ['create', '--dry-run=server', '-f', '-'],
            JSON.stringify(loose),
          );
          expect(stderr).toContain('violates PodSecurity "restricted');
        }
      },
    );
  },
);

describe.each(helms)('with %s', (which) => {
  describeWith(['kube-apiserver', 'etcd', 'kubectl', which], 'a release', () => {
    const open = new AsyncDisposableStack();
    let kubernetes: Kubernetes;
    let earlier: string;

    beforeAll(async () => {
      kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
      const account = await kubernetes.podEnvFor(operatorAccount('mail').name);
      await createRestricted(kubernetes.kubeconfig, 'mail');
      const options = { kubeconfig: kubernetes.kubeconfig, namespace: 'mail', env: () => account };
      open.use(playControllers(options));
      earlier = await mkdtemp(join(tmpdir(), 'packetboat-chart-'));
      open.defer(() => rm(earlier, { recursive: true }));
      await makeEarlier(earlier);
    }, 60_000);
    afterAll(() => open.disposeAsync(), 30_000);

    const ctl = (...args: readonly string[]) => kubectlOk(kubernetes.kubeconfig, ['-n', 'mail', ...args]);
    const run = (args: readonly string[], by: Helm = which) =>
      helmOk(by, [...args, '--namespace', 'mail'], { KUBECONFIG: kubernetes.kubeconfig });
    const values = ['--values', valuesOf('existing-backends')];
    const wait = ['--wait', '--timeout', '60s'];
    const columnsOf = async () =>
      ctl(
        'get',
        'crd',
        'senders.packetboat.dev',
        '-o',
        'jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}',
      );
    const sweepers = async () =>
      ctl(
        'get',
        'deployment',
        'packetboat-sweeper',
        '-o',
        'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}',
      );
    const history = async () =>
      (
        JSON.parse(await run(['history', 'packetboat', '-o', 'json'])) as readonly {
          readonly status: string;
        }[]
      ).map(({ status }) => status);

    it('is installed, and told how to go on', async () => {
      const notes = await run(['install', 'packetboat', earlier, ...values, ...wait]);
      expect(notes).toContain('kubectl -n mail port-forward service/packetboat-gateway 8080:80');
      expect(notes).toContain('kubectl -n mail get secret packetboat-key');
      expect(notes).not.toContain('This is a trial');
      expect(await sweepers()).toBe('2 packetboat:0.0.9');
      expect(await columnsOf()).toBe('Ready');
      expect(await ctl('get', 'deployments', '-o', 'name')).toContain('deployment.apps/packetboat-operator');
    });

    it('is upgraded, with its definitions', async () => {
      await run(['upgrade', 'packetboat', chart, ...values, '--set', 'sweeper.replicas=3', ...wait]);
      expect(await sweepers()).toMatch(/^3 packetboat:(?!0\.0\.9)/);
      expect(await columnsOf()).toContain('Reason');
      expect(await history()).toEqual(['superseded', 'deployed']);
    });

    it('refuses values that it does not know, and stays as it is', async () => {
      const args = [
        'upgrade',
        'packetboat',
        chart,
        ...values,
        '--set',
        'sweepers.replicas=1',
        '--namespace',
        'mail',
      ];
      const { code, stderr } = await helm(which, args, { KUBECONFIG: kubernetes.kubeconfig });
      expect([code, stderr]).toEqual([1, expect.stringContaining('sweepers')]);
      expect(await history()).toEqual(['superseded', 'deployed']);
    });

    it('is rolled back', async () => {
      await run(['rollback', 'packetboat', '1', ...wait]);
      expect(await sweepers()).toBe('2 packetboat:0.0.9');
      await run(['rollback', 'packetboat', '2', ...wait]);
      expect(await sweepers()).toMatch(/^3 /);
    });

    it('is uninstalled: Senders stay, can be deleted, and nothing else is left', async () => {
      await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', '-'], JSON.stringify(sender('billing')));
      await run(['uninstall', 'packetboat', ...wait]);
      await ctl('delete', 'sender', 'billing', '--timeout=10s');
      const kinds = (await ctl('api-resources', '--verbs=list', '-o', 'name')).trim().split('\n').join(',');
      const left = await ctl(
        'get',
        kinds,
        '--all-namespaces',
        '-l',
        'app.kubernetes.io/instance=packetboat',
        '-o',
        'name',
        '--ignore-not-found',
      );
      // ReplicaSets are what a garbage collector takes away
      expect(
        left
          .trim()
          .split('\n')
          .filter((name) => !name.startsWith('replicaset')),
      ).toEqual([
        'customresourcedefinition.apiextensions.k8s.io/senders.packetboat.dev',
        'customresourcedefinition.apiextensions.k8s.io/templates.packetboat.dev',
      ]);
    });

    it('is installed again over the definitions that stayed', async () => {
      await run(['install', 'packetboat', chart, ...values]);
      expect(await columnsOf()).toContain('Reason');
    });

    it('of a trial keeps its keyring over an upgrade', async () => {
      await run(['upgrade', 'packetboat', chart, '--values', valuesOf('dev')]);
      const keys = () =>
        ctl(
          'get',
          'secret',
          'packetboat-dev-keyring',
          'packetboat-dev-key',
          '-o',
          'jsonpath={.items[*].data}',
        );
      const first = await keys();
      expect(first).toContain('catalog');
      await run(['upgrade', 'packetboat', chart, '--values', valuesOf('dev'), '--set', 'sweeper.replicas=3']);
      expect(await keys()).toBe(first);
    });
  });
});

/** A chart of the version before: fewer columns of Senders. */
async function makeEarlier(folder: string): Promise<void> {
  await cp(chart, folder, { recursive: true });
  const about = parse(await readFile(join(folder, 'Chart.yaml'), 'utf8')) as object;
  await writeFile(join(folder, 'Chart.yaml'), stringify({ ...about, version: '0.0.9', appVersion: '0.0.9' }));
  const file = join(folder, 'files/crds/senders.yaml');
  const definition = parse(await readFile(file, 'utf8')) as {
    spec: { versions: { additionalPrinterColumns: { name: string }[] }[] };
  };
  for (const version of definition.spec.versions)
    version.additionalPrinterColumns = version.additionalPrinterColumns.filter(
      ({ name }) => name === 'Ready',
    );
  await writeFile(file, stringify(definition));
}
