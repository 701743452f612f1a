// The operator's service account, with exactly what the chart grants it, and nothing else.

import { helms, render } from './helm.ts';
import { type Kubernetes, type KubernetesUser, kubectl, kubectlOk } from './kubernetes.ts';

const GRANTED_WITHIN_MS = 30_000;
const RIGHTS = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];
const values = [
  'mongodb.url=mongodb://m',
  'nats.url=nats://n',
  'redis.url=redis://r',
  'keyring.existingSecret=k',
];

/** Of a release `packetboat` in this namespace; the API server has to be started with it. */
export const operatorAccount = (namespace: string): KubernetesUser => ({
  name: `system:serviceaccount:${namespace}:packetboat-operator`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
});

/**
 * Grants what the chart renders for these namespaces, which must be there. Answers a kubeconfig of
 * the account.
 */
export async function grantOperator(
  kubernetes: Kubernetes,
  { namespace, namespaces }: { readonly namespace: string; readonly namespaces: readonly string[] },
): Promise<string> {
  const set = [...values, `operator.namespaces={${namespaces.join(',')}}`].flatMap((value) => [
    '--set',
    value,
  ]);
  const rights = (await render(['--namespace', namespace, ...set], helms[0])).filter(({ kind }) =>
    RIGHTS.includes(kind),
  );
  await kubectlOk(
    kubernetes.kubeconfig,
    ['apply', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rights }),
  );
  const kubeconfig = await kubernetes.kubeconfigFor(operatorAccount(namespace).name);
  for (const each of namespaces) await untilAllowed(kubeconfig, each);
  return kubeconfig;
}

/**
 * The API server learns of new roles through watches of its own, which takes seconds on a busy
 * machine. An operator that starts earlier is refused, and backs off for up to 30 s.
 */
async function untilAllowed(kubeconfig: string, namespace: string): Promise<void> {
  const scope = namespace === '*' ? ['--all-namespaces'] : ['--namespace', namespace];
  const until = Date.now() + GRANTED_WITHIN_MS;
  for (;;) {
    const { code, stderr } = await kubectl(kubeconfig, [
      ...['auth', 'can-i', 'list', 'senders.packetboat.dev'],
      ...scope,
    ]);
    if (code === 0) return;
    if (Date.now() > until) throw new Error(`the operator may not list Senders in ${namespace}: ${stderr}`);
  }
}
