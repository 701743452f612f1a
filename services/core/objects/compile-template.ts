// Compiles a Template object into the revision that services render. Compiling renders each locale
// of each environment with the sample data, so that authors see faults before mail is sent.

import {
  type Environment,
  environments,
  type LocaleContent,
  type TemplateRevision,
} from '../catalog/catalog.ts';
import { contentHash } from '../catalog/content-hash.ts';
import { type FaultPath, type FaultReason, isFaults, type ObjectFault } from '../documents/fault.ts';
import { templateLimits } from '../limits/template.ts';
import { normalizeLocale } from '../template/locale.ts';
import {
  type CompiledTemplate,
  checkSize,
  compileRevision,
  PartError,
  renderContent,
} from '../template/render.ts';
import { schemaFaults } from '../template/variables.ts';
import { defaultTenant } from './identity.ts';
import type { LocaleObject, TemplateObject } from './template-schema.ts';

interface TemplateReferences {
  /** The data of a ConfigMap of the same namespace; null if there is no such ConfigMap. */
  configMap(name: string): Readonly<Record<string, string>> | null;
  /** Whether the namespace has a Sender of this name, valid or not. */
  hasSender(name: string): boolean;
  /**
   * A Template of the same namespace, by the name of the object, for layouts. Null if there is none
   * or it cannot be read.
   */
  template(name: string): TemplateObject | null;
}

type Content = TemplateRevision['content'];
type Layout = TemplateRevision['layouts'][number];
/** The field in which each part of a locale was written, for the path of a fault. */
type Written = ReadonlyMap<LocaleContent, Readonly<Record<'subject' | 'html' | 'text', FaultPath>>>;

const placesChild = /\{\{\{~?\s*content\s*~?\}\}\}/;

/** `revision` is 0, since the writer of the catalog assigns the number. */
export function compileTemplate(
  object: TemplateObject,
  references: TemplateReferences,
): TemplateRevision | readonly ObjectFault[] {
  const { spec, metadata } = object;
  const resolved = resolveContent(object, references);
  const around = resolveLayouts(object, references);
  const faults: ObjectFault[] = [
    ...(isFaults(resolved) ? resolved : missingSubjects(resolved)),
    ...(isFaults(around) ? around : []),
    ...schemaFaults(spec.variables ?? { type: 'object' }).map(({ path, message }) =>
      fault('InvalidSpec', ['variables', ...path], message),
    ),
  ];
  if (spec.senderRef && !references.hasSender(spec.senderRef.name)) {
    faults.push(
      fault(
        'SenderNotFound',
        ['senderRef', 'name'],
        `there is no Sender "${spec.senderRef.name}" in this namespace`,
      ),
    );
  }
  if (faults.length > 0 || isFaults(resolved) || isFaults(around)) return faults;

  const compiled: Omit<TemplateRevision, 'hash'> = {
    tenant: metadata.namespace ?? defaultTenant,
    identifier: identifierOf(object),
    revision: 0,
    sender: spec.senderRef?.name ?? null,
    defaultLocale: normalizeLocale(spec.defaultLocale),
    variables: spec.variables ?? null,
    sampleData: spec.sampleData,
    content: resolved.content,
    layouts: around.layouts,
  };
  const revision = { ...compiled, hash: contentHash({ ...compiled, revision: undefined }) };
  const broken = tryOut(revision, resolved.written);
  return broken.length > 0 ? broken : revision;
}

/** The name that callers use. */
export function identifierOf(object: TemplateObject): string {
  return object.spec.identifier ?? object.metadata.name;
}

function fault(reason: FaultReason, path: FaultPath, message: string): ObjectFault {
  return { reason, path: ['spec', ...path], message };
}

interface Resolved {
  readonly content: Content;
  readonly written: Written;
}

/** Overlays live with testing, and the result with draft, locale by locale and field by field. */
function resolveContent(
  object: TemplateObject,
  references: TemplateReferences,
): Resolved | readonly ObjectFault[] {
  const { spec } = object;
  const faults: ObjectFault[] = [];
  const written = new Map<LocaleContent, Readonly<Record<'subject' | 'html' | 'text', FaultPath>>>();

  const overlay = (
    below: readonly LocaleContent[],
    locales: readonly LocaleObject[],
    path: FaultPath,
  ): readonly LocaleContent[] => {
    const result = [...below];
    const seen = new Set<string>();
    locales.forEach((entry, at) => {
      const here = [...path, at];
      const locale = normalizeLocale(entry.locale);
      if (seen.has(locale)) faults.push(fault('InvalidSpec', [...here, 'locale'], 'is a duplicate'));
      seen.add(locale);
      const under = result.findIndex((content) => content.locale === locale);
      const base = result[under];
      const html = htmlOf(entry, here, references, faults);
      const content: LocaleContent = {
        locale,
        subject: entry.subject ?? base?.subject ?? '',
        html: html ?? base?.html ?? null,
        text: entry.text ?? base?.text ?? null,
      };
      const inherited = base && written.get(base);
      const own = {
        subject: [...here, 'subject'],
        html: [...here, entry.htmlFrom ? 'htmlFrom' : 'html'],
        text: [...here, 'text'],
      };
      written.set(content, {
        subject: entry.subject === undefined && inherited ? inherited.subject : own.subject,
        html: html === null && inherited ? inherited.html : own.html,
        text: entry.text === undefined && inherited ? inherited.text : own.text,
      });
      if (content.html === null && content.text === null && !entry.htmlFrom)
        faults.push(fault('InvalidSpec', here, 'must have html, htmlFrom or text'));
      if (base) result[under] = content;
      else result.push(content);
    });
    return result;
  };

  const live = overlay([], spec.locales, ['locales']);
  const testing = overlay(live, spec.testing?.locales ?? [], ['testing', 'locales']);
  const draft = overlay(testing, spec.draft?.locales ?? [], ['draft', 'locales']);
  const content = { live, testing, draft };
  // A template that exists only as a draft has no live content yet. Every environment that has
  // content needs the default locale.
  for (const environment of environments) {
    const there = content[environment];
    const isMissing = !there.some(({ locale }) => locale === normalizeLocale(spec.defaultLocale));
    if (isMissing && (there.length > 0 || environment === 'draft')) {
      faults.push(
        fault(
          'InvalidSpec',
          ['defaultLocale'],
          `must be one of the locales: ${environment} has no content for it`,
        ),
      );
      break;
    }
  }
  return faults.length > 0 ? faults : { content, written };
}

function htmlOf(
  entry: LocaleObject,
  path: FaultPath,
  references: TemplateReferences,
  faults: ObjectFault[],
): string | null {
  if (!entry.htmlFrom) return entry.html ?? null;
  const { name, key } = entry.htmlFrom.configMapKeyRef;
  const data = references.configMap(name);
  if (data && Object.hasOwn(data, key)) return data[key] ?? null;
  const missing = data
    ? `the ConfigMap "${name}" has no key "${key}"`
    : `there is no ConfigMap "${name}" in this namespace`;
  faults.push(fault('ConfigMapNotFound', [...path, 'htmlFrom', 'configMapKeyRef'], missing));
  return null;
}

/**
 * A subject is required: a mail without one looks like a mistake. A layout needs no subject, since
 * the subject of the wrapped template is used.
 */
function missingSubjects({ content, written }: Resolved): readonly ObjectFault[] {
  const bare = new Set(
    environments
      .flatMap((environment) => content[environment])
      .filter((one) => one.subject === '' && !isLayout(one)),
  );
  return [...bare].map((one) => fault('InvalidSpec', written.get(one)?.subject ?? [], 'is required'));
}

function isLayout(content: LocaleContent): boolean {
  return placesChild.test(content.html ?? '') || placesChild.test(content.text ?? '');
}

/** The layouts around a template, innermost first. */
function resolveLayouts(
  object: TemplateObject,
  references: TemplateReferences,
): { readonly layouts: readonly Layout[] } | readonly ObjectFault[] {
  const layouts: Layout[] = [];
  const names = [object.metadata.name];
  const at = ['layoutRef', 'name'];
  for (let next = object.spec.layoutRef?.name; next !== undefined; ) {
    const name: string = next;
    if (names.includes(name))
      return [fault('LayoutCycle', at, `is part of a cycle: ${[...names, name].join(' → ')}`)];
    names.push(name);
    if (layouts.length === templateLimits.layoutDepthMax)
      return [
        fault('InvalidSpec', at, `wraps the template in more than ${templateLimits.layoutDepthMax} layouts`),
      ];
    const layout = references.template(name);
    if (!layout)
      return [fault('LayoutNotFound', at, `there is no valid Template "${name}" in this namespace`)];
    const resolved = resolveContent(layout, references);
    if (isFaults(resolved)) return [fault('LayoutNotFound', at, `the Template "${name}" has faults`)];
    if (
      environments
        .flatMap((environment) => resolved.content[environment])
        .some((content) => !isLayout(content))
    ) {
      return [
        fault(
          'InvalidSpec',
          at,
          `the Template "${name}" is not a layout: each of its locales must contain {{{content}}}`,
        ),
      ];
    }
    layouts.push({ content: resolved.content, defaultLocale: normalizeLocale(layout.spec.defaultLocale) });
    next = layout.spec.layoutRef?.name;
  }
  return { layouts };
}

/** Renders every locale of every environment with the sample data. */
function tryOut(revision: TemplateRevision, written: Written): readonly ObjectFault[] {
  const template = compileRevision(revision);
  const faults: ObjectFault[] = template.variables
    .check(revision.sampleData)
    .map(({ field, message }) =>
      fault('SchemaMismatch', ['sampleData', ...field.split('.').slice(1)], message),
    );
  // Environments share content that no overlay changes, and parts that an overlay does not set, so
  // the same fault may appear in several; it is reported once.
  const tried = new Set<LocaleContent>();
  const blamed = new Set<string>();
  for (const environment of ['live', 'testing', 'draft'] as const) {
    for (const content of revision.content[environment]) {
      if (tried.has(content) && revision.layouts.length === 0) continue;
      tried.add(content);
      const error = tryRender(template, content, environment);
      if (!error) continue;
      const message = `${error.message} (locale ${content.locale}, ${environment})`;
      const path = error.inLayout ? ['layoutRef'] : (written.get(content)?.[error.part] ?? []);
      const key = `${path.join('.')} ${error.message}`;
      if (!blamed.has(key)) faults.push(fault(error.cause.reason, path, message));
      blamed.add(key);
    }
  }
  return faults;
}

function tryRender(
  template: CompiledTemplate,
  content: LocaleContent,
  environment: Environment,
): PartError | null {
  const request = { environment, language: content.locale, data: template.revision.sampleData };
  try {
    checkSize(template.revision, content, request);
    renderContent(template, content, request);
    return null;
  } catch (error) {
    if (error instanceof PartError) return error;
    throw error;
  }
}
