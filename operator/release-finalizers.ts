// Before the operator goes for good: lets go of the Senders, which nobody could delete without it. It takes the Lease away from whoever has it, so that no
// operator puts back what is taken off here, and keeps it for a while.

import { Failure } from '../services/core/failure.ts';
import { limits } from '../services/core/limits.ts';
import type { Clock } from '../services/ports/clock.ts';
import { DRAIN_FINALIZER } from './api/v1alpha1/names.ts';
import { type SenderResource, senders } from './api/v1alpha1/resources.ts';
import type { KubernetesClient } from './kubernetes/client.ts';
import { microTime } from './kubernetes/elector.ts';
import { type Lease, leases, type ObjectKey } from './kubernetes/resource.ts';
import { keyOf } from './reconcile/identity.ts';

export interface ReleaseParts {
  readonly client: Pick<KubernetesClient, 'get' | 'create' | 'update' | 'list' | 'patchMetadata'>;
  readonly clock: Clock;
  readonly lease: ObjectKey;
  /** Null: all of them. */
  readonly namespaces: readonly string[] | null;
}

const IDENTITY = 'release-finalizers';

/** Answers how many Senders were let go. Rejects when the API server does not answer, or says no. */
export async function releaseFinalizers(parts: ReleaseParts): Promise<number> {
  if (await takeLease(parts)) await parts.clock.sleep(limits.electionRenewByMs);
  let released = 0;
  for (;;) {
    const held = await heldSenders(parts);
    if (held.length === 0) return released;
    for (const sender of held) released += (await release(parts, sender)) ? 1 : 0;
  }
}

/** True: another one had it, and has to notice that it is gone. */
async function takeLease({ client, clock, lease }: ReleaseParts): Promise<boolean> {
  for (;;) {
    const found = await orNull('not_found', client.get(leases, lease));
    const time = microTime(clock.now());
    const next: Lease = {
      metadata: found?.metadata ?? lease,
      spec: {
        holderIdentity: IDENTITY,
        leaseDurationSeconds: limits.releaseLeaseSeconds,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: (found?.spec?.leaseTransitions ?? 0) + 1,
      },
    };
    const taken = await orNull('conflict', found === null ? client.create(leases, next) : client.update(leases, next));
    if (taken !== null) return Boolean(found?.spec?.holderIdentity) && found?.spec?.holderIdentity !== IDENTITY;
  }
}

async function heldSenders({ client, namespaces }: ReleaseParts): Promise<readonly SenderResource[]> {
  const lists = await Promise.all(
    (namespaces ?? [undefined]).map((namespace) => client.list(senders, namespace === undefined ? {} : { namespace })),
  );
  return lists.flatMap(({ items }) => items).filter(({ metadata }) => metadata.finalizers?.includes(DRAIN_FINALIZER));
}

/** False: it was changed meanwhile, or is gone; it is looked at again. */
async function release({ client }: ReleaseParts, sender: SenderResource): Promise<boolean> {
  const { finalizers = [], resourceVersion = '' } = sender.metadata;
  const rest = { finalizers: finalizers.filter((one) => one !== DRAIN_FINALIZER) };
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
