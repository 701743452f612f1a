// Builds a snapshot of the catalog from its live objects.

import {
  type CatalogSnapshot,
  type Sender,
  senderKey,
  type TemplateRevision,
  templateKey,
} from './catalog.ts';

/** Lists are sorted by name, so snapshots of the same objects are equal. */
export function snapshotOf(
  version: number,
  senders: readonly Sender[],
  templates: readonly TemplateRevision[],
): CatalogSnapshot {
  const senderBy = new Map(senders.map((sender) => [senderKey(sender.tenant, sender.name), sender]));
  const templateBy = new Map(
    templates.map((template) => [templateKey(template.tenant, template.identifier), template]),
  );
  const sendersOf = Map.groupBy(
    senders.toSorted((a, b) => compare(a.name, b.name)),
    ({ tenant }) => tenant,
  );
  const templatesOf = Map.groupBy(
    templates.toSorted((a, b) => compare(a.identifier, b.identifier)),
    ({ tenant }) => tenant,
  );
  return {
    version,
    sender: (tenant, name) => senderBy.get(senderKey(tenant, name)) ?? null,
    senders: (tenant) => sendersOf.get(tenant) ?? [],
    template: (tenant, identifier) => templateBy.get(templateKey(tenant, identifier)) ?? null,
    templates: (tenant) => templatesOf.get(tenant) ?? [],
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
