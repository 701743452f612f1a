// Handles a Sender that is being deleted. It accepts no more mail. Its finalizer is removed when
// its mail has left and every ingest knows of the deletion. While the store is unreachable the
// Sender stays.

import { senderKey } from '../../../services/core/catalog/catalog.ts';
import type { MessageStatus } from '../../../services/core/delivery/message.ts';
import { isFaults } from '../../../services/core/documents/fault.ts';
import { catalogLimits } from '../../../services/core/limits/catalog.ts';
import { operatorLimits } from '../../../services/core/limits/operator.ts';
import type { MessageList } from '../../../services/ports/message-list.ts';
import { DRAIN_FINALIZER } from '../../api/v1alpha1/names.ts';
import { type SenderResource, senders } from '../../api/v1alpha1/resources.ts';
import { keyOf } from '../precedence.ts';
import { type CatalogAccess, type CatalogPublishResult, publish, sourceOf } from '../publish.ts';
import { acceptSender, retiringEntry } from './decide.ts';
import { gatherClaim, readSecrets, type SenderGatherParts } from './gather.ts';
import { readKnownKeys } from './manage-dkim-keys.ts';

export interface RetireParts extends SenderGatherParts {
  readonly catalog: CatalogAccess;
  readonly messages: MessageList;
}

const unfinished: readonly MessageStatus[] = ['queued', 'scheduled', 'sending', 'deferred'];

/** Resolves to the milliseconds until the next visit; null: the finalizer is removed. */
export async function retireSender(parts: RetireParts, object: SenderResource): Promise<number | null> {
  const { client, clock, tenants, dns, catalog, messages } = parts;
  const { metadata } = object;
  dns.forget(metadata.uid ?? '');
  if (!metadata.finalizers?.includes(DRAIN_FINALIZER)) return null;
  const tenant = await tenants.of(metadata.namespace ?? '');
  const result = tenant === null ? null : await publishRetiring(parts, object);
  if (result?.kind === 'unavailable') return operatorLimits.reconcileStoreRetryMs;
  // an entry of another source is not removed
  if (tenant !== null && result?.kind !== 'foreign') {
    if (clock.now() < knownByAllAt(object) || (await hasMail(messages, tenant, metadata.name)))
      return operatorLimits.drainLookMs;
    await catalog.writer.remove(sourceOf(catalog, object), senderKey(tenant, metadata.name));
  }
  const { resourceVersion = '' } = metadata;
  const finalizers = metadata.finalizers.filter((finalizer) => finalizer !== DRAIN_FINALIZER);
  await client.patchMetadata(senders, { ...keyOf(object), resourceVersion }, { finalizers });
  return null;
}

/** Null: the Sender has faults, and its last published entry serves the waiting mail. */
async function publishRetiring(
  parts: RetireParts,
  object: SenderResource,
): Promise<CatalogPublishResult | null> {
  const claim = await gatherClaim(parts, object);
  if (isFaults(acceptSender(claim))) return null;
  const secrets = await readSecrets(parts.client, object);
  const sender = retiringEntry({ ...claim, keys: await readKnownKeys(parts, object) }, secrets);
  return sender === null ? null : publish(parts.catalog, object, { kind: 'sender', sender });
}

/** From this time on, each ingest has read the catalog since the deletion. */
const knownByAllAt = ({ metadata }: SenderResource): number =>
  Date.parse(metadata.deletionTimestamp ?? '') +
  catalogLimits.catalogHeadEveryMs +
  operatorLimits.drainLookMs;

async function hasMail(messages: MessageList, tenant: string, sender: string): Promise<boolean> {
  for (const status of unfinished)
    if ((await messages.list({ tenant, sender, status, limit: 1 })).length > 0) return true;
  return false;
}
