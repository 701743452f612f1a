// Compiles a whole folder of objects. `compile-sender.ts` and `compile-template.ts` compile one
// object; this file checks that names are unique and resolves references between objects.

import type { Sender, TemplateRevision } from '../catalog/catalog.ts';
import type { SourceDocument } from '../documents/documents.ts';
import { type Fault, isFaults, type ObjectFault, showPath } from '../documents/fault.ts';
import { compileSender, domainName } from './compile-sender.ts';
import { compileTemplate, identifierOf } from './compile-template.ts';
import { defaultTenant, type Identity, identify } from './identity.ts';
import { type CatalogObject, readObject } from './read-object.ts';
import { secretValues } from './secret-values.ts';
import type { TemplateObject } from './template-schema.ts';

interface CompiledFolder {
  readonly senders: readonly Sender[];
  readonly templates: readonly TemplateRevision[];
  /**
   * Templates whose only faults are references to objects that the documents do not have, compiled
   * without those objects.
   */
  readonly incompleteTemplates: readonly TemplateRevision[];
  /**
   * In the order of the documents. An object with a fault is in neither list, so the catalog keeps
   * its last good revision.
   */
  readonly faults: readonly Fault[];
  /**
   * Every Sender and Template in the folder, with or without faults, as `sender/<tenant>/<name>`
   * and `template/<tenant>/<identifier>`. The catalog removes entries that are not in this set.
   */
  readonly present: ReadonlySet<string>;
}

interface Entry {
  readonly document: SourceDocument;
  readonly identity: Identity;
  /** Null if the object has faults that prevent reading it. */
  readonly object: CatalogObject | null;
  readonly faults: ObjectFault[];
}

/**
 * Compiles the documents in order: if two claim the same name, identifier or domain, the first one
 * has it.
 */
export function compileFolder(documents: readonly SourceDocument[]): CompiledFolder {
  const entries = documents.map(readEntry);
  refuseSecond(entries, 'InvalidSpec', ['metadata', 'name'], ({ identity }) =>
    identity.name ? objectKey(identity.kind, identity.namespace, identity.name) : null,
  );
  refuseSecond(entries, 'DomainConflict', ['spec', 'domain'], ({ object }) =>
    object?.kind === 'Sender' ? domainName(object.spec.domain) : null,
  );
  refuseSecond(entries, 'IdentifierConflict', ['spec', 'identifier'], ({ object }) =>
    object?.kind === 'Template'
      ? objectKey('', object.metadata.namespace ?? defaultTenant, identifierOf(object))
      : null,
  );

  const objects = new Map(
    entries
      .map((entry) => [objectKey(entry.identity.kind, entry.identity.namespace, entry.identity.name), entry])
      .reverse() as [string, Entry][],
  );
  const senders: Sender[] = [];
  const templates: TemplateRevision[] = [];
  const incompleteTemplates: TemplateRevision[] = [];
  for (const entry of entries) {
    if (entry.faults.length > 0 || !entry.object) continue;
    const references = referencesOf(entry.identity.namespace, objects);
    if (entry.object.kind === 'Sender') {
      const sender = compileSender(entry.object, references);
      if (isFaults(sender)) entry.faults.push(...sender);
      else senders.push(sender);
    }
    if (entry.object.kind === 'Template') {
      const { revision, faults } = compileTemplate(entry.object, references);
      entry.faults.push(...faults);
      if (revision !== null && faults.length === 0) templates.push(revision);
      else if (revision !== null && faults.every(({ isElsewhere }) => isElsewhere))
        incompleteTemplates.push(revision);
    }
  }
  return {
    senders,
    templates,
    incompleteTemplates,
    faults: entries.flatMap(faultsOf),
    present: new Set(entries.flatMap(presentAs)),
  };
}

function readEntry(document: SourceDocument): Entry {
  const identity = identify(document.value);
  const object = readObject(document.value);
  return isFaults(object)
    ? { document, identity, object: null, faults: [...object] }
    : { document, identity, object, faults: [] };
}

function refuseSecond(
  entries: readonly Entry[],
  reason: ObjectFault['reason'],
  path: ObjectFault['path'],
  keyOf: (entry: Entry) => string | null,
): void {
  const owners = new Map<string, Entry>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const owner = key === null ? undefined : owners.get(key);
    if (owner)
      entry.faults.push({
        reason,
        path,
        message:
          owner.identity.namespace === entry.identity.namespace
            ? `is taken by ${owner.identity.kind} "${owner.identity.name}"`
            : 'is taken in another namespace',
      });
    else if (key !== null) owners.set(key, entry);
  }
}

function objectKey(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

function referencesOf(namespace: string, objects: ReadonlyMap<string, Entry>) {
  const find = (kind: string, name: string): CatalogObject | null =>
    objects.get(objectKey(kind, namespace, name))?.object ?? null;
  return {
    secret(name: string) {
      const found = find('Secret', name);
      return found?.kind === 'Secret' ? secretValues(found) : null;
    },
    configMap(name: string) {
      const found = find('ConfigMap', name);
      return found?.kind === 'ConfigMap' ? found.data : null;
    },
    template(name: string): TemplateObject | null {
      const found = find('Template', name);
      return found?.kind === 'Template' ? found : null;
    },
    hasSender: (name: string) => objects.has(objectKey('Sender', namespace, name)),
  };
}

function faultsOf({ document, identity, faults }: Entry): readonly Fault[] {
  return faults.map(({ path, ...fault }) => ({
    file: document.origin.file,
    ...document.placeOf(path),
    ...identity,
    ...fault,
    path: showPath(path),
  }));
}

function presentAs({ identity, object, document }: Entry): readonly string[] {
  if (identity.kind === 'Sender') return [objectKey('sender', identity.namespace, identity.name)];
  if (identity.kind !== 'Template') return [];
  if (object?.kind === 'Template') return [objectKey('template', identity.namespace, identifierOf(object))];
  const written = (document.value as { readonly spec?: { readonly identifier?: unknown } }).spec?.identifier;
  return [objectKey('template', identity.namespace, typeof written === 'string' ? written : identity.name)];
}
