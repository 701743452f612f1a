// One visit to a Template: gather, decide, publish, apply the status.

import type { Clock } from '../../../services/ports/clock.ts';
import { type TemplateResource, templates } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { applyStatus, type StatusParts } from '../apply-status.ts';
import { concludeVisit } from '../decision.ts';
import { type CatalogAccess, publish } from '../publish.ts';
import { decideTemplate } from './decide.ts';
import { gatherTemplate, type TemplateGatherParts } from './gather.ts';

interface TemplateParts extends TemplateGatherParts, StatusParts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly catalog: CatalogAccess;
}

/** Resolves to the milliseconds until the next visit; null: when something changes. */
export async function reconcileTemplate(
  parts: TemplateParts,
  object: TemplateResource,
): Promise<number | null> {
  const decision = decideTemplate(await gatherTemplate(parts, object));
  const result = decision.entry === null ? null : await publish(parts.catalog, object, decision.entry);
  const conclusion = concludeVisit(object, decision, result, parts.clock.now());
  await applyStatus(parts, templates, object, conclusion);
  return conclusion.nextVisitMs;
}
