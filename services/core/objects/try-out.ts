// Renders each locale of each environment with the sample data, so that faults are found while the
// author can repair them.

import type { Environment, LocaleContent, TemplateRevision } from '../catalog/catalog.ts';
import type { ObjectFault } from '../documents/fault.ts';
import {
  type CompiledTemplate,
  checkSize,
  compileRevision,
  hasContent,
  PartError,
  renderContent,
} from '../template/render.ts';
import { TemplateError } from '../template/template-error.ts';
import { isLayout, type ResolvedContent } from './resolve-content.ts';
import { templateFault } from './template-fault.ts';

export function tryOut(
  revision: TemplateRevision,
  { written, incomplete }: Pick<ResolvedContent, 'written' | 'incomplete'>,
): readonly ObjectFault[] {
  const template = compileRevision(revision);
  const faults: ObjectFault[] = template.variables
    .check(revision.sampleData)
    .map(({ field, message }) =>
      templateFault('SchemaMismatch', ['sampleData', ...field.split('.').slice(1)], message),
    );
  // Environments share the content that no overlay changes, and an overlay may leave parts of the
  // content alone.
  const tried = new Set<LocaleContent>();
  const blamed = new Set<string>();
  for (const environment of ['live', 'testing', 'draft'] as const) {
    for (const content of revision.content[environment]) {
      if (tried.has(content) && revision.layouts.length === 0) continue;
      tried.add(content);
      // a layout by itself has no child to show
      const mayBeBlank = incomplete.has(content) || isLayout(content);
      const error = tryRender(template, content, { environment, mayBeBlank });
      if (!error) continue;
      const message = `${error.message} (locale ${content.locale}, ${environment})`;
      const path = error.inLayout
        ? ['layoutRef']
        : error.part === 'headers'
          ? ['headers']
          : (written.get(content)?.[error.part] ?? []);
      const key = `${path.join('.')} ${error.message}`;
      if (!blamed.has(key)) faults.push(templateFault(error.cause.reason, path, message));
      blamed.add(key);
    }
  }
  return faults;
}

function tryRender(
  template: CompiledTemplate,
  content: LocaleContent,
  { environment, mayBeBlank }: { readonly environment: Environment; readonly mayBeBlank: boolean },
): PartError | null {
  const request = { environment, language: content.locale, data: template.revision.sampleData };
  try {
    checkSize(template.revision, content, request);
    const mail = renderContent(template, content, request);
    if (mayBeBlank || hasContent(mail)) return null;
  } catch (error) {
    if (error instanceof PartError) return error;
    throw error;
  }
  const message = 'the mail has no content: each part is blank with the sample data';
  return new PartError(content.html === null ? 'text' : 'html', new TemplateError('RenderFailed', message));
}
