// One visit to a Sender: gather, decide, publish, apply the status.

import { DRAIN_FINALIZER } from '../../api/v1alpha1/names.ts';
import { type SenderResource, senders } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { applyStatus, type StatusParts } from '../apply-status.ts';
import { concludeVisit } from '../decision.ts';
import { keyOf } from '../precedence.ts';
import { publish } from '../publish.ts';
import { decideSender } from './decide.ts';
import { decideDeletedStatus } from './deleted-status.ts';
import { gatherSender } from './gather.ts';
import { type RetireParts, retireSender } from './retire.ts';

export interface SenderParts extends RetireParts, StatusParts {
  readonly client: KubernetesClient;
}

/** Resolves to the milliseconds until the next visit; null: when something changes. */
export async function reconcileSender(parts: SenderParts, object: SenderResource): Promise<number | null> {
  if (object.metadata.deletionTimestamp !== undefined) return visitDeleted(parts, object);
  if (!object.metadata.finalizers?.includes(DRAIN_FINALIZER)) return addFinalizer(parts.client, object);
  const decision = decideSender(await gatherSender(parts, object));
  const result = decision.entry === null ? null : await publish(parts.catalog, object, decision.entry);
  const conclusion = concludeVisit(object, decision, result, parts.clock.now());
  await applyStatus(parts, senders, object, conclusion);
  return conclusion.nextVisitMs;
}

/** The change of the finalizers causes the next visit. */
async function addFinalizer(
  client: Pick<KubernetesClient, 'patchMetadata'>,
  object: SenderResource,
): Promise<null> {
  const { resourceVersion = '', finalizers = [] } = object.metadata;
  await client.patchMetadata(
    senders,
    { ...keyOf(object), resourceVersion },
    { finalizers: [...finalizers, DRAIN_FINALIZER] },
  );
  return null;
}

async function visitDeleted(parts: SenderParts, object: SenderResource): Promise<number | null> {
  const nextVisitMs = await retireSender(parts, object);
  if (nextVisitMs === null) return null;
  const { catalog, clock } = parts;
  const change = decideDeletedStatus(object, { isStoreDown: catalog.store.isDown, now: clock.now() });
  await applyStatus(parts, senders, object, change);
  return nextVisitMs;
}
