// One visit to a Sender: gather, decide, publish, apply the status.

import { type SenderResource, senders } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { applyStatus, type StatusParts } from '../apply-status.ts';
import { concludeVisit } from '../decision.ts';
import { type CatalogAccess, publish } from '../publish.ts';
import { decideSender } from './decide.ts';
import { gatherSender, type SenderGatherParts } from './gather.ts';

export interface SenderParts extends SenderGatherParts, StatusParts {
  readonly client: KubernetesClient;
  readonly catalog: CatalogAccess;
}

/** Resolves to the milliseconds until the next visit; null: when something changes. */
export async function reconcileSender(parts: SenderParts, object: SenderResource): Promise<number | null> {
  const decision = decideSender(await gatherSender(parts, object));
  const result = decision.entry === null ? null : await publish(parts.catalog, object, decision.entry);
  const conclusion = concludeVisit(object, decision, result, parts.clock.now());
  await applyStatus(parts, senders, object, conclusion);
  return conclusion.nextVisitMs;
}
