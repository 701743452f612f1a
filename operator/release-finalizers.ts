// Removes the finalizer from every Sender before the operator is uninstalled: without an operator,
// the finalizer would keep a deleted Sender forever. This holds the Lease for a while, so that no
// operator adds a finalizer again.

import { Failure } from '../services/core/failure.ts';
import { kubernetesLimits } from '../services/core/limits/kubernetes.ts';
import { tasksLimits } from '../services/core/limits/tasks.ts';
import type { Clock } from '../services/ports/clock.ts';
import { DRAIN_FINALIZER } from './api/v1alpha1/names.ts';
import { type SenderResource, senders } from './api/v1alpha1/resources.ts';
import type { KubernetesClient } from './kubernetes/client.ts';
import { microTime } from './kubernetes/elector.ts';
import { type Lease, leases, type ObjectKey } from './kubernetes/resource.ts';
import { keyOf } from './reconcile/precedence.ts';

interface ReleaseParts {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'update' | 'list' | 'patchMetadata'>;
  readonly clock: Clock;
  readonly lease: ObjectKey;
  /** Null: all namespaces. */
  readonly namespaces: readonly string[] | null;
}

const IDENTITY = 'release-finalizers';

/**
 * Resolves to the number of Senders released. Rejects if the API server is unreachable or refuses.
 */
export async function releaseFinalizers(parts: ReleaseParts): Promise<number> {
  if (await takeLease(parts)) await parts.clock.sleep(kubernetesLimits.electionRenewByMs);
  let released = 0;
  for (;;) {
    const found = await sendersWithFinalizer(parts);
    if (found.length === 0) return released;
    for (const sender of found) released += (await release(parts, sender)) ? 1 : 0;
  }
}

/** True: another process held the Lease and has to notice the loss. */
async function takeLease({ client, clock, lease }: ReleaseParts): Promise<boolean> {
  for (;;) {
    const found = await orNull('not_found', client.get(leases, lease));
    const time = microTime(clock.now());
    const next: Lease = {
      metadata: found?.metadata ?? lease,
      spec: {
        holderIdentity: IDENTITY,
        leaseDurationSeconds: tasksLimits.releaseLeaseSeconds,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: (found?.spec?.leaseTransitions ?? 0) + 1,
      },
    };
    const taken = await orNull(
      'conflict',
      found === null ? client.create(leases, next) : client.update(leases, next),
    );
    if (taken !== null)
      return Boolean(found?.spec?.holderIdentity) && found?.spec?.holderIdentity !== IDENTITY;
  }
}

async function sendersWithFinalizer({
  client,
  namespaces,
}: ReleaseParts): Promise<readonly SenderResource[]> {
  const lists = await Promise.all(
    (namespaces ?? [undefined]).map((namespace) =>
      client.list(senders, namespace === undefined ? {} : { namespace }),
    ),
  );
  return lists
    .flatMap(({ items }) => items)
    .filter(({ metadata }) => metadata.finalizers?.includes(DRAIN_FINALIZER));
}

/** False: the Sender changed meanwhile or is gone; the next list shows which. */
async function release({ client }: ReleaseParts, sender: SenderResource): Promise<boolean> {
  const { finalizers = [], resourceVersion = '' } = sender.metadata;
  const rest = { finalizers: finalizers.filter((finalizer) => finalizer !== DRAIN_FINALIZER) };
  const patched = client.patchMetadata(senders, { ...keyOf(sender), resourceVersion }, rest);
  return (await orNull('conflict', orNull('not_found', patched))) !== null;
}

async function orNull<T>(kind: 'not_found' | 'conflict', answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Failure && error.kind === kind) return null;
    throw error;
  }
}
