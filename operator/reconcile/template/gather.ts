// Gathers the facts about a Template. ConfigMaps are read only where the template may have its
// identifier.

import { isFaults } from '../../../services/core/documents/fault.ts';
import { Failure } from '../../../services/core/failure.ts';
import { templateLimits } from '../../../services/core/limits/template.ts';
import { identifierOf } from '../../../services/core/objects/compile-template.ts';
import type { TemplateObject } from '../../../services/core/objects/template-schema.ts';
import type { SenderResource, TemplateResource } from '../../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../../kubernetes/client.ts';
import { configMaps } from '../../kubernetes/resource.ts';
import { nullIfForbidden } from '../conditions.ts';
import type { TemplateIndex } from '../indexes.ts';
import type { Mirror } from '../mirror.ts';
import { hasPrecedence } from '../precedence.ts';
import { configMapFields, namesIn } from '../references.ts';
import type { Tenants } from '../tenants.ts';
import {
  acceptTemplate,
  type ConfigMapData,
  readTemplate,
  type TemplateClaim,
  type TemplateFacts,
} from './decide.ts';

export interface TemplateGatherParts {
  readonly client: Pick<KubernetesClient, 'get'>;
  readonly senders: Pick<Mirror<SenderResource>, 'get'>;
  readonly templates: Mirror<TemplateResource, TemplateIndex>;
  readonly tenants: Tenants;
}

export async function gatherTemplate(
  parts: TemplateGatherParts,
  object: TemplateResource,
): Promise<TemplateFacts> {
  const { client, senders, templates } = parts;
  const { namespace = '' } = object.metadata;
  const claim = await gatherClaim(parts, object);
  const empty = { ...claim, layouts: new Map(), hasSender: false, configMaps: new Map() };
  const template = acceptTemplate(claim);
  if (isFaults(template)) return empty;
  const { senderRef } = template.spec;
  const layouts = layoutsAround(templates, namespace, template);
  const specs = [template.spec, ...[...layouts.values()].map(({ spec }) => spec)];
  return {
    ...claim,
    layouts,
    hasSender: senderRef !== undefined && senders.get({ namespace, name: senderRef.name }) !== null,
    configMaps: await readConfigMaps(client, namespace, namesIn(specs, configMapFields)).catch(
      nullIfForbidden,
    ),
  };
}

/** An invalid spec claims no identifier. */
async function gatherClaim(
  { templates, tenants }: Pick<TemplateGatherParts, 'templates' | 'tenants'>,
  object: TemplateResource,
): Promise<TemplateClaim> {
  const read = readTemplate(object);
  if (isFaults(read)) return { object, read, tenant: null, owner: null };
  const { namespace = '' } = object.metadata;
  const tenant = await tenants.of(namespace);
  if (tenant === null) return { object, read, tenant, owner: null };
  for (const rival of templates.by('identifier', identifierOf(read))) {
    if (!hasPrecedence(rival, object)) continue;
    const { namespace: itsNamespace = '' } = rival.metadata;
    if (itsNamespace === namespace || (await tenants.isOf(itsNamespace, tenant)))
      return { object, read, tenant, owner: rival };
  }
  return { object, read, tenant, owner: null };
}

/**
 * The layouts that the template names, directly or through other layouts. At most one more than the
 * depth that compiles, so that cycles end.
 */
function layoutsAround(
  templates: Pick<Mirror<TemplateResource>, 'get'>,
  namespace: string,
  template: TemplateObject,
): ReadonlyMap<string, TemplateObject> {
  const layouts = new Map<string, TemplateObject>();
  let name = template.spec.layoutRef?.name;
  while (name !== undefined && !layouts.has(name) && layouts.size <= templateLimits.layoutDepthMax) {
    const found = templates.get({ namespace, name });
    const layout = found === null ? null : readTemplate(found);
    if (layout === null || isFaults(layout)) break;
    layouts.set(name, layout);
    name = layout.spec.layoutRef?.name;
  }
  return layouts;
}

async function readConfigMaps(
  client: Pick<KubernetesClient, 'get'>,
  namespace: string,
  names: readonly string[],
): Promise<ConfigMapData> {
  const read = names.map(async (name) => {
    try {
      return [name, (await client.get(configMaps, { namespace, name })).data ?? {}] as const;
    } catch (error) {
      if (error instanceof Failure && error.kind === 'not_found') return [name, null] as const;
      throw error;
    }
  });
  return new Map(await Promise.all(read));
}
