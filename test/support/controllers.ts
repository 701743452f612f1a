// Plays the controllers of a cluster, for an API server has none: Deployments come up by what is
// written into their status, and no pod of theirs runs; the containers of test pods run
// as processes here, with the environment and the files that they would have.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container, PodSpec, RenderedObject } from './helm.ts';
import { command } from './installation.ts';
import { kubectl, kubectlOk } from './kubernetes.ts';

export interface ControllerOptions {
  /** Of somebody who may do everything. */
  readonly kubeconfig: string;
  readonly namespace: string;
  /** Over what the container has, for addresses that only a cluster knows. */
  readonly env?: (container: Container, pod: PodSpec) => Readonly<Record<string, string>>;
}

export interface Controllers extends AsyncDisposable {
  /** What the processes printed, by the name of their pod. */
  readonly outputs: ReadonlyMap<string, string>;
}

const EVERY_MS = 200;

interface Live extends RenderedObject {
  readonly metadata: RenderedObject['metadata'] & { readonly uid: string; readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly phase?: string;
  };
}

/** Until it is disposed of. */
export function playControllers(options: ControllerOptions): Controllers {
  const stop = new AbortController();
  const outputs = new Map<string, string>();
  const begun = new Set<string>();
  const playing = (async () => {
    while (!stop.signal.aborted) {
      await playRound(options, begun, outputs).catch((error: unknown) => {
        if (!stop.signal.aborted) outputs.set('controllers', String(error));
      });
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  })();
  return {
    outputs,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await playing;
    },
  };
}

async function playRound(
  options: ControllerOptions,
  begun: Set<string>,
  outputs: Map<string, string>,
): Promise<void> {
  const { kubeconfig, namespace } = options;
  const text = await kubectlOk(kubeconfig, ['-n', namespace, 'get', 'deployments,pods', '-o', 'json']);
  const { items } = JSON.parse(text) as { readonly items: readonly Live[] };
  for (const object of items) {
    const { kind, metadata, status = {}, spec = {} } = object;
    const replicas = spec.replicas ?? 1;
    if (kind === 'Deployment' && status.observedGeneration !== metadata.generation) {
      const observed = { observedGeneration: metadata.generation, replicas };
      await bringUp(options, object, {
        ...observed,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
      });
    }
    const pod = kind === 'Pod' ? (spec as unknown as PodSpec) : undefined;
    if (pod === undefined || begun.has(metadata.uid)) continue;
    begun.add(metadata.uid);
    void runPod(options, object, pod).then(
      (output) => outputs.set(metadata.name, output),
      (error: unknown) => outputs.set(metadata.name, String(error)),
    );
  }
}

/** Helm 3 asks for the newest ReplicaSet, which is the one with the Deployment's own template. */
async function bringUp(
  options: ControllerOptions,
  deployment: Live,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  const { metadata, spec } = deployment;
  const labels = { ...spec?.template?.metadata.labels, 'pod-template-hash': `g${metadata.generation}` };
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
  };
  const replicaSet = {
    ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet' },
    metadata: {
      name: `${metadata.name}-g${metadata.generation}`,
      namespace: options.namespace,
      labels,
      ownerReferences: [owner],
    },
    spec: {
      replicas: counts.replicas,
      selector: { matchLabels: labels },
      template: { ...spec?.template, metadata: { ...spec?.template?.metadata, labels } },
    },
  };
  await kubectlOk(options.kubeconfig, ['apply', '-f', '-'], JSON.stringify(replicaSet));
  const { replicas } = counts;
  await patchStatus(options, replicaSet, {
    observedGeneration: 1,
    replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
  });
  const time = new Date().toISOString();
  const condition = (type: string, reason: string) => ({
    type,
    reason,
    status: 'True',
    lastTransitionTime: time,
    lastUpdateTime: time,
  });
  const conditions = [
    condition('Available', 'MinimumReplicasAvailable'),
    condition('Progressing', 'NewReplicaSetAvailable'),
  ];
  await patchStatus(options, deployment, { ...counts, conditions });
}

async function runPod(options: ControllerOptions, object: Live, pod: PodSpec): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-pod-'));
  try {
    const [container] = pod.containers;
    if (container === undefined) throw new Error(`${object.metadata.name} has no container`);
    const env = await environmentOf(options, object.metadata.name, pod, container, folder);
    const { code, output } = await new Promise<{ readonly code: number; readonly output: string }>(
      (resolve) => {
        const own = { PATH: process.env.PATH, TMPDIR: folder, ...env };
        const child = execFile(
          process.execPath,
          [command, ...(container.args ?? [])],
          { env: own, timeout: 180_000 },
          (_, out, complaint) => resolve({ code: child.exitCode ?? -1, output: out + complaint }),
        );
      },
    );
    const isGood = code === 0;
    await patchStatus(options, object, { phase: isGood ? 'Succeeded' : 'Failed' });
    return output;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * What the kubelet would give a container: values of Secrets, names of the pod, and files of
 * Secrets, which here lie below a folder of its own.
 */
export async function environmentOf(
  options: ControllerOptions,
  podName: string,
  pod: PodSpec,
  container: Container,
  folder: string,
): Promise<Readonly<Record<string, string>>> {
  const mounts = new Map<string, string>();
  for (const { name, mountPath } of container.volumeMounts ?? []) {
    const at = join(folder, mountPath);
    await mkdir(at, { recursive: true });
    mounts.set(mountPath, at);
    const secret = pod.volumes?.find((volume) => volume.name === name)?.secret;
    if (secret === undefined) continue;
    const data = await secretOf(options, secret.secretName);
    for (const { key, path } of secret.items ?? Object.keys(data).map((key) => ({ key, path: key })))
      await writeFile(join(at, path), Buffer.from(data[key] ?? '', 'base64'), { mode: 0o600 });
  }
  const inFolder = (value: string): string => {
    for (const [mountPath, at] of mounts)
      if (value === mountPath || value.startsWith(`${mountPath}/`)) return value.replace(mountPath, at);
    return value;
  };
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    const { secretKeyRef, fieldRef } = valueFrom ?? {};
    if (secretKeyRef !== undefined)
      env[name] = Buffer.from(
        (await secretOf(options, secretKeyRef.name))[secretKeyRef.key] ?? '',
        'base64',
      ).toString();
    else if (fieldRef !== undefined) env[name] = podName;
    else env[name] = inFolder(String(value));
  }
  return { ...env, ...options.env?.(container, pod) };
}

async function secretOf(
  { kubeconfig, namespace }: ControllerOptions,
  name: string,
): Promise<Readonly<Record<string, string>>> {
  const { data = {} } = JSON.parse(
    await kubectlOk(kubeconfig, ['-n', namespace, 'get', 'secret', name, '-o', 'json']),
  ) as RenderedObject;
  return data;
}

/** What is gone meanwhile needs no status. */
async function patchStatus(
  { kubeconfig, namespace }: ControllerOptions,
  { kind, metadata }: Pick<RenderedObject, 'kind' | 'metadata'>,
  status: object,
): Promise<void> {
  const patch = JSON.stringify({ status });
  const args = [
    '-n',
    namespace,
    'patch',
    kind.toLowerCase(),
    metadata.name,
    '--subresource=status',
    '--type=merge',
    '-p',
    patch,
  ];
  const { code, stderr } = await kubectl(kubeconfig, args);
  if (code !== 0 && !stderr.includes('NotFound'))
    throw new Error(`status of ${kind} ${metadata.name}: ${stderr}`);
}
