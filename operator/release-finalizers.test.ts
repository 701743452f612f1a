// On a real API server: nobody can delete a Sender that has a finalizer, and nobody else takes it
// off.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../services/adapters/system/clock.ts';
import { kubernetesLimits } from '../services/core/limits/kubernetes.ts';
import { describeWith } from '../test/support/describe-with.ts';
import { type Kubernetes, kubectlOk, startKubernetes } from '../test/support/kubernetes.ts';
import { grantOperator, operatorAccount } from '../test/support/operator-account.ts';
import { DRAIN_FINALIZER } from './api/v1alpha1/names.ts';
import { elect } from './kubernetes/elector.ts';
import { openKubernetesClient } from './kubernetes/http-client.ts';
import { releaseFinalizers } from './release-finalizers.ts';

const crds = join(import.meta.dirname, '../charts/packetboat/files/crds');
const lease = { namespace: 'mail', name: 'packetboat-operator' };

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm'], 'release-finalizers', () => {
  const open = new AsyncDisposableStack();
  let kubernetes: Kubernetes;
  let client: Awaited<ReturnType<typeof openKubernetesClient>>;

  beforeAll(async () => {
    kubernetes = open.use(await startKubernetes([operatorAccount('mail')]));
    await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', crds]);
    await kubectlOk(kubernetes.kubeconfig, [
      'wait',
      '--for=condition=Established',
      '--timeout=30s',
      '-f',
      crds,
    ]);
    for (const name of ['mail', 'shop', 'other'])
      await kubectlOk(kubernetes.kubeconfig, ['create', 'namespace', name]);
    const kubeconfig = await grantOperator(kubernetes, { namespace: 'mail', namespaces: ['*'] });
    client = open.use(
      await openKubernetesClient({ access: { kubeconfig }, fieldManager: 'packetboat-operator' }),
    );
  }, 60_000);
  afterAll(() => open.disposeAsync(), 30_000);

  const apply = (...items: readonly object[]) =>
    kubectlOk(
      kubernetes.kubeconfig,
      ['apply', '-f', '-'],
      JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    );
  const sender = (namespace: string, name: string, finalizers: readonly string[]) => ({
    ...{ apiVersion: 'packetboat.dev/v1alpha1', kind: 'Sender', metadata: { name, namespace, finalizers } },
    spec: {
      domain: `${name}.example`,
      from: { address: `hi@${name}.example` },
      routes: [{ name: 'relay', smtp: { host: 'relay.example' } }],
    },
  });
  const finalizersOf = async (namespace: string, name: string): Promise<string> =>
    kubectlOk(kubernetes.kubeconfig, [
      '-n',
      namespace,
      'get',
      'sender',
      name,
      '-o',
      'jsonpath={.metadata.finalizers}',
    ]);
  const release = (namespaces: readonly string[] | null) =>
    releaseFinalizers({ client, clock: systemClock, lease, namespaces });

  it('removes the operator’s finalizer, and no other, in the operator’s namespaces', async () => {
    await apply(
      sender('shop', 'held', [DRAIN_FINALIZER]),
      sender('shop', 'shared', ['acme.example/audit', DRAIN_FINALIZER]),
    );
    await apply(sender('shop', 'free', []), sender('other', 'elsewhere', [DRAIN_FINALIZER]));
    expect(await release(['shop'])).toBe(2);
    expect(await finalizersOf('shop', 'held')).toBe('');
    expect(await finalizersOf('shop', 'shared')).toBe('["acme.example/audit"]');
    expect(await finalizersOf('other', 'elsewhere')).toContain(DRAIN_FINALIZER);
    expect(await release(null)).toBe(1);
    expect(await release(null)).toBe(0);
  });

  it('releases a Sender that is being deleted', async () => {
    await apply(sender('shop', 'leaving', [DRAIN_FINALIZER]));
    await kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', 'delete', 'sender', 'leaving', '--wait=false']);
    await release(['shop']);
    await kubectlOk(kubernetes.kubeconfig, [
      '-n',
      'shop',
      'wait',
      '--for=delete',
      'sender/leaving',
      '--timeout=10s',
    ]);
  });

  it('starts after the leader has noticed the loss of its Lease, and no operator leads meanwhile', async () => {
    await kubectlOk(kubernetes.kubeconfig, ['-n', 'mail', 'delete', 'lease', lease.name]);
    const stop = new AbortController();
    const candidate = {
      client,
      clock: systemClock,
      lease,
      identity: 'an-operator',
      freshTerm: async () => 1,
      report: () => {},
    };
    const leadership = await elect(candidate, stop.signal);
    await apply(sender('shop', 'watched', [DRAIN_FINALIZER]));
    leadership.lost.addEventListener('abort', () => stop.abort());
    const releasing = release(['shop']);
    let isReleased = false;
    void releasing.then(() => (isReleased = true));
    await new Promise((resolve) => leadership.lost.addEventListener('abort', resolve));
    expect(isReleased).toBe(false);
    expect(await finalizersOf('shop', 'watched')).toContain(DRAIN_FINALIZER);
    expect(await releasing).toBe(1);

    await leadership.release(); // as a loser does, and it gives nothing back that is not its own
    const again = elect(candidate, AbortSignal.timeout(kubernetesLimits.electionSeconds * 1_000 + 2_000));
    await expect(again).rejects.toThrow('stopped before the election was won');
  }, 60_000);
});
