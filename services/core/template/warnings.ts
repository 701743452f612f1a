// Warnings about a template that compiles, for its status and for `packetboat validate`.

import { environments, type LocaleContent, type TemplateRevision } from '../catalog/catalog.ts';
import { templateLimits } from '../limits/template.ts';
import { findLink } from './html-links.ts';
import { compileRevision, renderContent } from './render.ts';
import { usedNames } from './used-names.ts';

export interface TemplateWarning {
  /** For example `locales[de].html`, `testing.locales[de].html`. */
  readonly path: string;
  readonly message: string;
}

export interface TemplateUse {
  /** Names in the caller's data that the content uses, sorted. */
  readonly usedVariables: readonly string[];
  readonly warnings: readonly TemplateWarning[];
}

/** The revision must have compiled. */
export function describeUse(revision: TemplateRevision): TemplateUse {
  const layouts = revision.layouts.flatMap(({ content }) =>
    environments.flatMap((environment) => content[environment]),
  );
  const own = environments.flatMap((environment) => revision.content[environment]);
  const used = new Set([
    ...own.flatMap(namesOf),
    ...revision.headers.flatMap(({ value }) => [...usedNames(value)]),
  ]);
  // in a layout, `content` is the content inside, not a name in the caller's data
  for (const name of layouts.flatMap(namesOf)) if (name !== 'content') used.add(name);
  const usedVariables = [...used].toSorted();
  return { usedVariables, warnings: [...aboutVariables(revision, usedVariables), ...aboutContent(revision)] };
}

const namesOf = ({ subject, html, text }: LocaleContent): readonly string[] =>
  [subject, html, text].flatMap((source) => (source === null ? [] : [...usedNames(source)]));

function aboutVariables(
  { variables }: TemplateRevision,
  used: readonly string[],
): readonly TemplateWarning[] {
  const properties = variables?.properties;
  if (typeof properties !== 'object' || properties === null) return [];
  const declared = Object.keys(properties);
  return [
    ...used
      .filter((name) => !declared.includes(name))
      .map((name) => ({ path: 'variables.properties', message: `"${name}" is used but not declared` })),
    ...declared
      .filter((name) => !used.includes(name))
      .map((name) => ({ path: `variables.properties.${name}`, message: 'is declared but not used' })),
  ];
}

function aboutContent(revision: TemplateRevision): readonly TemplateWarning[] {
  const template = compileRevision(revision);
  const seen = new Set<LocaleContent>();
  return (['live', 'testing', 'draft'] as const).flatMap((environment) =>
    revision.content[environment].flatMap((content): TemplateWarning[] => {
      // environments share content that no overlay changes
      if (seen.has(content)) return [];
      seen.add(content);
      const at = `${environment === 'live' ? '' : `${environment}.`}locales[${content.locale}]`;
      if (content.html === null) return [];
      const request = { environment, language: content.locale, data: revision.sampleData };
      const html = renderContent(template, content, request).html ?? '';
      const warnings: TemplateWarning[] = [];
      const add = (part: string, message: string): number => warnings.push({ path: `${at}${part}`, message });
      if (content.text === null)
        add(
          '',
          'has no text part: some mail programs show nothing else, and spam filters penalize its absence',
        );
      const bytes = Buffer.byteLength(html);
      if (bytes > templateLimits.htmlShownBytes)
        add(
          '.html',
          `has ${bytes} bytes with the sample data: Gmail hides what follows the first ${templateLimits.htmlShownBytes}`,
        );
      if (findLink(html, ({ scheme }) => scheme === 'http') !== null)
        add('.html', 'has http links, which anybody on the network path can change');
      return warnings;
    }),
  );
}
