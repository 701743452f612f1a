// Part of the operator's sweep: removes each entry of the catalog whose object is gone or has
// another identifier by now. A deleted Template leaves the catalog this way, also after a missed
// watch or a restored database.

import type { OwnEntry } from '../../services/ports/catalog-writer.ts';
import type { TemplateResource } from '../api/v1alpha1/resources.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { Mirrors } from './affected.ts';
import { identifierIn } from './indexes.ts';
import type { Namespaces } from './namespaces.ts';
import type { CatalogAccess } from './publish.ts';

/** Removes each entry of this cluster that belongs to no object. */
export async function removeOrphans(
  { writer, cluster, term }: CatalogAccess,
  { senders, templates }: Mirrors,
  namespaces: Pick<Namespaces, 'isComplete'>,
): Promise<void> {
  // listed before the mirrors are read: an object that is published meanwhile is no orphan
  const listed = await writer.list({ kind: 'operator', name: cluster });
  const objects = { senders: senders.objects(), templates: templates.objects() };
  for (const { key, uid, fence } of orphansAmong(listed, objects, namespaces)) {
    const source = {
      kind: 'operator',
      name: cluster,
      fence: { term, generation: fence.generation },
    } as const;
    await writer.remove({ ...source, ...(uid === null ? {} : { uid }) }, key);
  }
}

/**
 * Entries whose object is gone, and entries under a former identifier of a Template. An object
 * counts as gone only if its namespace has been listed completely: after the loss of a Role or of a
 * CustomResourceDefinition the operator sees no objects, although they exist.
 */
export function orphansAmong(
  entries: readonly OwnEntry[],
  {
    senders,
    templates,
  }: { readonly senders: readonly KubernetesObject[]; readonly templates: readonly TemplateResource[] },
  namespaces: Pick<Namespaces, 'isComplete'>,
): readonly OwnEntry[] {
  const uids = new Set([...senders, ...templates].map(({ metadata }) => metadata.uid));
  const identifiers = new Map(templates.map((template) => [template.metadata.uid, identifierIn(template)]));
  return entries.filter(({ key, uid, namespace }) => {
    if (!namespaces.isComplete(namespace)) return false;
    if (uid === null || !uids.has(uid)) return true;
    const identifier = identifiers.get(uid);
    return identifier !== undefined && key.startsWith('template/') && !key.endsWith(`/${identifier}`);
  });
}
