// Resolves the content of a Template for each environment: testing laid over live, and draft over
// testing, locale by locale and field by field. A blank field counts as absent.

import { environments, type LocaleContent, type TemplateRevision } from '../catalog/catalog.ts';
import type { FaultPath, ObjectFault } from '../documents/fault.ts';
import { isBlank, presentPart } from '../template/blank.ts';
import { normalizeLocale } from '../template/locale.ts';
import { templateFault } from './template-fault.ts';
import type { LocaleObject, TemplateObject } from './template-schema.ts';

/** The data of a ConfigMap of the same namespace; null when there is no such ConfigMap. */
export type ConfigMaps = (name: string) => Readonly<Record<string, string>> | null;

/** The field of the object that each part of a locale comes from. */
type Written = Readonly<Record<'subject' | 'html' | 'text', FaultPath>>;

export interface ResolvedContent {
  readonly content: TemplateRevision['content'];
  readonly written: ReadonlyMap<LocaleContent, Written>;
  /** Content that lacks its html, because the ConfigMap of the html is not there. */
  readonly incomplete: ReadonlySet<LocaleContent>;
  readonly faults: readonly ObjectFault[];
}

const placesChild = /\{\{\{~?\s*content\s*~?\}\}\}/;

/** True for content that wraps other content. */
export function isLayout({ html, text }: LocaleContent): boolean {
  return placesChild.test(html ?? '') || placesChild.test(text ?? '');
}

export function resolveContent({ spec }: TemplateObject, configMaps: ConfigMaps): ResolvedContent {
  const faults: ObjectFault[] = [];
  const written = new Map<LocaleContent, Written>();
  const incomplete = new Set<LocaleContent>();

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
      if (seen.has(locale)) faults.push(templateFault('InvalidSpec', [...here, 'locale'], 'is a duplicate'));
      seen.add(locale);
      const under = result.findIndex((content) => content.locale === locale);
      const base = result[under];
      const read = readHtml(entry, here, configMaps);
      const html = 'faults' in read ? null : presentPart(read.html);
      const text = presentPart(entry.text);
      const content: LocaleContent = {
        locale,
        subject: presentPart(entry.subject) ?? base?.subject ?? '',
        html: html ?? base?.html ?? null,
        text: text ?? base?.text ?? null,
      };
      const inherited = base && written.get(base);
      const own = {
        subject: [...here, 'subject'],
        html: [...here, entry.htmlFrom ? 'htmlFrom' : 'html'],
        text: [...here, 'text'],
      };
      written.set(content, {
        subject: isBlank(entry.subject) && inherited ? inherited.subject : own.subject,
        html: html === null && inherited ? inherited.html : own.html,
        text: text === null && inherited ? inherited.text : own.text,
      });
      if ('faults' in read) {
        faults.push(...read.faults);
        incomplete.add(content);
      } else if (content.html === null && content.text === null)
        faults.push(templateFault('InvalidSpec', here, 'must have html, htmlFrom or text that is not blank'));
      if (base) result[under] = content;
      else result.push(content);
    });
    return result;
  };

  const live = overlay([], spec.locales, ['locales']);
  const testing = overlay(live, spec.testing?.locales ?? [], ['testing', 'locales']);
  const draft = overlay(testing, spec.draft?.locales ?? [], ['draft', 'locales']);
  const content = { live, testing, draft };
  // A template that is only a draft has no live content yet. Each environment with content needs
  // the default locale, to fall back to.
  const lacking = environments.find((environment) => {
    const locales = content[environment].map(({ locale }) => locale);
    const isUsed = locales.length > 0 || environment === 'draft';
    return isUsed && !locales.includes(normalizeLocale(spec.defaultLocale));
  });
  if (lacking !== undefined)
    faults.push(
      templateFault(
        'InvalidSpec',
        ['defaultLocale'],
        `must be one of the locales: ${lacking} has no content for it`,
      ),
    );
  return { content, written, incomplete, faults };
}

function readHtml(
  entry: LocaleObject,
  path: FaultPath,
  configMaps: ConfigMaps,
): { readonly html: string | undefined } | { readonly faults: readonly ObjectFault[] } {
  if (!entry.htmlFrom) return { html: entry.html };
  const { name, key } = entry.htmlFrom.configMapKeyRef;
  const data = configMaps(name);
  if (data && Object.hasOwn(data, key)) return { html: data[key] };
  const missing = templateFault(
    'ConfigMapNotFound',
    [...path, 'htmlFrom', 'configMapKeyRef'],
    data
      ? `the ConfigMap "${name}" has no key "${key}"`
      : `there is no ConfigMap "${name}" in this namespace`,
  );
  return { faults: [data ? missing : { ...missing, isElsewhere: true }] };
}

/** Mail without a subject looks like an accident. A layout needs none: the child's is used. */
export function missingSubjects({ content, written }: ResolvedContent): readonly ObjectFault[] {
  const bare = new Set(
    environments
      .flatMap((environment) => content[environment])
      .filter((one) => one.subject === '' && !isLayout(one)),
  );
  return [...bare].map((one) => templateFault('InvalidSpec', written.get(one)?.subject ?? [], 'is required'));
}
