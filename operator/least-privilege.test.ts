// What the operator may not do, with exactly the rights that the chart gives it: the API server
// says 403. What it may do, all its other tests show.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../test/support/describe-with.ts';
import { type Kubernetes, kubectl, kubectlOk, startKubernetes } from '../test/support/kubernetes.ts';
import { grantOperator, operatorAccount } from '../test/support/operator-account.ts';

const crds = join(import.meta.dirname, '../charts/packetboat/files/crds');

describeWith(['kube-apiserver', 'etcd', 'kubectl', 'helm'], 'the operator’s rights', () => {
  const open = new AsyncDisposableStack();
  let kubernetes: Kubernetes;
  let kubeconfig: string;

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
    const spec = {
      domain: 'a.example',
      from: { address: 'hi@a.example' },
      routes: [{ name: 'relay', smtp: { host: 'relay.example' } }],
    };
    const sender = {
      apiVersion: 'packetboat.dev/v1alpha1',
      kind: 'Sender',
      metadata: { name: 'billing', namespace: 'shop' },
      spec,
    };
    const locales = [{ locale: 'en', subject: 'Hi', text: 'Hello' }];
    const template = {
      ...sender,
      kind: 'Template',
      metadata: { name: 'any', namespace: 'shop' },
      spec: { defaultLocale: 'en', locales },
    };
    for (const object of [sender, template])
      await kubectlOk(kubernetes.kubeconfig, ['apply', '-f', '-'], JSON.stringify(object));
    kubeconfig = await grantOperator(kubernetes, { namespace: 'mail', namespaces: ['shop'] });
  }, 60_000);
  afterAll(() => open.disposeAsync(), 30_000);

  const patchOf = (patch: object) => [
    ...['patch', 'sender', 'billing', '--namespace', 'shop', '--type=merge', '-p', JSON.stringify(patch)],
  ];
  it.each([
    ['list Secrets elsewhere', ['get', 'secrets', '--namespace', 'other']],
    ['list Secrets of all namespaces', ['get', 'secrets', '--all-namespaces']],
    ['list Secrets beside its own Lease', ['get', 'secrets', '--namespace', 'mail']],
    ['read Senders elsewhere', ['get', 'senders', '--namespace', 'other']],
    ['read pods', ['get', 'pods', '--namespace', 'shop']],
    ['read Deployments', ['get', 'deployments', '--namespace', 'shop']],
    ['list namespaces', ['get', 'namespaces']],
    ['read another namespace', ['get', 'namespace', 'other']],
    ['read another Lease', ['get', 'lease', 'somebody', '--namespace', 'mail']],
    [
      'read a Lease in a namespace that it works for',
      ['get', 'lease', 'packetboat-operator', '--namespace', 'shop'],
    ],
    ['read definitions', ['get', 'customresourcedefinitions']],
    [
      'give itself rights',
      ['create', 'rolebinding', 'more', '--clusterrole=cluster-admin', '--user=x', '--namespace', 'shop'],
    ],
    ['create a Sender', ['create', '--namespace', 'shop', '-f', '-']],
    ['change the spec of a Sender', patchOf({ spec: { suspend: true } })],
    ['change the labels of a Sender', patchOf({ metadata: { labels: { a: 'b' } } })],
    [
      'change the annotations of a Sender',
      patchOf({ metadata: { annotations: { 'packetboat.dev/paused': 'true' } } }),
    ],
    ['change the finalizers of a Sender', patchOf({ metadata: { finalizers: ['packetboat.dev/drain'] } })],
    ['delete a Sender', ['delete', 'sender', 'billing', '--namespace', 'shop']],
    [
      'write a Template',
      [
        'patch',
        'template',
        'any',
        '--namespace',
        'shop',
        '--type=merge',
        '-p',
        '{"spec":{"defaultLocale":"de"}}',
      ],
    ],
    ['write a ConfigMap', ['create', 'configmap', 'any', '--namespace', 'shop']],
    ['write a ServiceAccount token', ['create', 'token', 'default', '--namespace', 'shop']],
  ])('do not let it %s', async (_, args) => {
    const input = args.includes('-')
      ? await kubectlOk(kubernetes.kubeconfig, ['-n', 'shop', 'get', 'sender', 'billing', '-o', 'json'])
      : '';
    const renamed = input.replaceAll('"billing"', '"more"').replace(/"resourceVersion": "\d+",/, '');
    expect(await kubectl(kubeconfig, args, renamed)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Forbidden|forbidden/),
    });
  });
});
