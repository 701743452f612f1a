// Compiles a Template object into the revision that services render.

import type { TemplateRevision } from '../catalog/catalog.ts';
import { contentHash } from '../catalog/content-hash.ts';
import type { FaultPath, ObjectFault } from '../documents/fault.ts';
import { catalogLimits } from '../limits/catalog.ts';
import { nameError } from '../mail/headers.ts';
import { hasItsDigits } from '../number-text.ts';
import { normalizeLocale } from '../template/locale.ts';
import { schemaFaults } from '../template/variables.ts';
import { defaultTenant } from './identity.ts';
import { missingSubjects, resolveContent } from './resolve-content.ts';
import { type LayoutReferences, resolveLayouts } from './resolve-layouts.ts';
import { templateFault } from './template-fault.ts';
import type { TemplateObject } from './template-schema.ts';
import { tryOut } from './try-out.ts';

export interface TemplateReferences extends LayoutReferences {
  /** True when the namespace has a Sender of this name, whether the Sender compiles or not. */
  hasSender(name: string): boolean;
}

export interface TemplateCompilation {
  /**
   * Revision number 0: the writer of the catalog numbers it. Null where the faults leave nothing to
   * render. Where objects that the template refers to are missing, the revision is without them.
   */
  readonly revision: TemplateRevision | null;
  /** Only a revision without faults may be published. */
  readonly faults: readonly ObjectFault[];
}

/** Compiles as much as the references allow, so that one visit finds all faults. */
export function compileTemplate(object: TemplateObject, references: TemplateReferences): TemplateCompilation {
  const { spec, metadata } = object;
  const resolved = resolveContent(object, references.configMap);
  const around = resolveLayouts(object, references);
  const faults: ObjectFault[] = [
    ...resolved.faults,
    ...(resolved.faults.length === 0 ? missingSubjects(resolved) : []),
    ...around.faults,
    ...schemaFaults(spec.variables ?? { type: 'object' }).map(({ path, message }) =>
      templateFault('InvalidSpec', ['variables', ...path], message),
    ),
    ...numberFaults(spec.sampleData),
    ...headerFaults(object),
    ...senderFaults(object, references),
  ];
  if (faults.some(({ isElsewhere }) => isElsewhere !== true)) return { revision: null, faults };

  const compiled: Omit<TemplateRevision, 'hash'> = {
    tenant: metadata.namespace ?? defaultTenant,
    identifier: identifierOf(object),
    revision: 0,
    sender: spec.senderRef?.name ?? null,
    defaultLocale: normalizeLocale(spec.defaultLocale),
    variables: spec.variables ?? null,
    sampleData: spec.sampleData,
    allowedSchemes: schemesOf([object, ...around.objects]),
    headers: spec.headers,
    content: resolved.content,
    layouts: around.layouts,
  };
  const revision = { ...compiled, hash: contentHash({ ...compiled, revision: undefined }) };
  return { revision, faults: [...faults, ...tryOut(revision, resolved)] };
}

/** The name that callers use. */
export function identifierOf(object: TemplateObject): string {
  return object.spec.identifier ?? object.metadata.name;
}

/** A link of a layout may have the schemes that the layout allows. */
function schemesOf(objects: readonly TemplateObject[]): readonly string[] {
  const schemes = objects.flatMap(({ spec }) => spec.allowedSchemes.map((scheme) => scheme.toLowerCase()));
  return [...new Set(schemes)].toSorted();
}

/**
 * YAML and the Kubernetes API round an integer beyond 2^53 - 1, so the sample would show another
 * number than a request does. In quotes, the number is valid where `variables` wants a number.
 */
function numberFaults(sampleData: TemplateObject['spec']['sampleData']): readonly ObjectFault[] {
  const paths: FaultPath[] = [];
  const visit = (value: unknown, path: FaultPath): void => {
    if (paths.length >= catalogLimits.catalogFileFaultsMax) return;
    if (typeof value === 'number' && !hasItsDigits(value)) paths.push(path);
    else if (Array.isArray(value)) value.forEach((item, at) => void visit(item, [...path, at]));
    else if (typeof value === 'object' && value !== null)
      for (const [name, item] of Object.entries(value)) visit(item, [...path, name]);
  };
  visit(sampleData, ['sampleData']);
  return paths.map((path) =>
    templateFault('InvalidSpec', path, 'A number beyond 2^53 - 1 would be rounded: put it in quotes.'),
  );
}

/** The form of a value can be judged only after rendering. */
function headerFaults({ spec }: TemplateObject): readonly ObjectFault[] {
  const seen = new Set<string>();
  return spec.headers.flatMap(({ name }, at) => {
    const lower = name.toLowerCase();
    const fault = seen.has(lower) ? { message: 'The header is given twice.' } : nameError(name);
    seen.add(lower);
    return fault === null ? [] : [templateFault('InvalidSpec', ['headers', at, 'name'], fault.message)];
  });
}

function senderFaults({ spec }: TemplateObject, references: TemplateReferences): readonly ObjectFault[] {
  if (!spec.senderRef || references.hasSender(spec.senderRef.name)) return [];
  const message = `there is no Sender "${spec.senderRef.name}" in this namespace`;
  const fault = templateFault('SenderNotFound', ['senderRef', 'name'], message);
  return [{ ...fault, isElsewhere: true }];
}
