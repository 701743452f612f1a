// Renders a mail from one revision of a template: chooses the locale, checks the data, renders
// subject, text and html, wraps them in layouts, and checks links. Pure: the same revision and
// request always render the same mail, so each attempt sends the same bytes (R8).

import { isClean } from '../address.ts';
import type { Environment, LocaleContent, TemplateRevision } from '../catalog/catalog.ts';
import type { FieldError } from '../failure.ts';
import { acceptLimits } from '../limits/accept.ts';
import { templateLimits } from '../limits/template.ts';
import { parseHeaders } from '../mail/headers.ts';
import { isBlank, presentPart } from './blank.ts';
import { type CompiledSource, compileSource } from './evaluate.ts';
import { findUnsafeLink } from './links.ts';
import { formattingLanguage, resolveLocale } from './locale.ts';
import { RenderBudget } from './render-budget.ts';
import { countTags } from './source.ts';
import { TemplateError } from './template-error.ts';
import { compileVariables, hasSecrets, maskSecrets, type Variables } from './variables.ts';

/**
 * A revision that is ready to be rendered. Each source is parsed at its first use, so that one mail
 * does not wait for the parsing of a hundred locales.
 */
export interface CompiledTemplate {
  readonly revision: TemplateRevision;
  readonly variables: Variables;
  /** Programs by source. The programs of html escape values; those of subjects and texts do not. */
  readonly programs: {
    readonly escaping: Map<string, CompiledSource>;
    readonly plain: Map<string, CompiledSource>;
  };
}

export interface RenderRequest {
  readonly environment: Environment;
  /** As the caller wrote it, for example `de-AT`; null for the template's default. */
  readonly language: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface RenderedMail {
  /** One clean line. Empty when the template has no subject. */
  readonly subject: string;
  readonly html: string | null;
  readonly text: string | null;
  /** The headers of the template as `parseHeaders` returns them. */
  readonly headers: Readonly<Record<string, string>>;
  /** The locale that was chosen. */
  readonly locale: string;
}

/** Errors that the caller can repair, with paths in the request. They never hold the data. */
export interface RenderRefusal {
  readonly errors: readonly FieldError[];
}

/** The parts of a mail that a template renders. */
type TemplatePart = 'subject' | 'html' | 'text' | 'headers';

/** A part of a mail could not be parsed or rendered. */
export class PartError extends Error {
  readonly part: TemplatePart;
  /** True when the part is that of a layout. */
  readonly inLayout: boolean;
  override readonly cause: TemplateError;

  constructor(part: TemplatePart, cause: TemplateError, inLayout = false) {
    super(
      `${inLayout ? 'layout ' : ''}${part}${cause.line === null ? '' : `, line ${cause.line}`}: ${cause.message}`,
    );
    this.name = 'PartError';
    this.part = part;
    this.inLayout = inLayout;
    this.cause = cause;
  }
}

/** Compiles a revision that `compileTemplate` has accepted. Keep the result: compiling is slow. */
export function compileRevision(revision: TemplateRevision): CompiledTemplate {
  return {
    revision,
    variables: compileVariables(revision.variables),
    programs: { escaping: new Map(), plain: new Map() },
  };
}

export function isRefusal<Result>(result: Result | RenderRefusal): result is RenderRefusal {
  return typeof result === 'object' && result !== null && 'errors' in result;
}

/** Every error of a request's data and environment. `render` returns the same before it renders. */
function checkRequest(template: CompiledTemplate, request: RenderRequest): readonly FieldError[] {
  const missing = contentFor(template.revision, request) ? [] : [noContent(request.environment)];
  return [...missing, ...template.variables.check(request.data)];
}

/** Renders the whole mail. */
export function render(template: CompiledTemplate, request: RenderRequest): RenderedMail | RenderRefusal {
  const errors = checkRequest(template, request);
  const content = contentFor(template.revision, request);
  if (errors.length > 0 || !content) return { errors };
  const mail = refusing(() => renderContent(template, content, request));
  return isRefusal(mail) || hasContent(mail) ? mail : { errors: [nothingLeft] };
}

const nothingLeft: FieldError = {
  field: 'template_data',
  code: 'missing_content',
  message: 'With this data the html and the text of the template are blank.',
};

/** False when each part of the mail is blank, which makes it absent. */
export function hasContent({ html, text }: Pick<RenderedMail, 'html' | 'text'>): boolean {
  return html !== null || text !== null;
}

/**
 * The subject that is stored and shown in lists: the values of variables marked `writeOnly` are
 * `***`. Null when the template has no such variables, so that the subject of the mail is stored.
 */
export function maskedSubject(
  template: CompiledTemplate,
  request: RenderRequest,
): string | null | RenderRefusal {
  const { variables } = template.revision;
  const content = contentFor(template.revision, request);
  if (!content) return { errors: [noContent(request.environment)] };
  if (!hasSecrets(variables)) return null;
  const masked = { ...request, data: maskSecrets(request.data, variables) };
  return refusing(() => subjectOf(template, content, masked));
}

/** Renders the content of one locale without a check of the data. Throws `PartError`. */
export function renderContent(
  template: CompiledTemplate,
  content: LocaleContent,
  request: RenderRequest,
): RenderedMail {
  const subject = subjectOf(template, content, request);
  const html = wrapped('html', template, content, request);
  const text = wrapped('text', template, content, request);
  const fault = html === null ? null : findUnsafeLink(html, template.revision.allowedSchemes);
  if (fault) throw new PartError('html', new TemplateError('RenderFailed', fault.message, fault.line));
  const headers = headersOf(template, content, request);
  return { subject, html, text, headers, locale: content.locale };
}

function contentFor(
  revision: Pick<TemplateRevision, 'content' | 'defaultLocale'>,
  request: RenderRequest,
): LocaleContent | null {
  const contents = revision.content[request.environment];
  const locale = resolveLocale(
    request.language,
    contents.map((content) => content.locale),
    revision.defaultLocale,
  );
  return contents.find((content) => content.locale === locale) ?? null;
}

function noContent(environment: Environment): FieldError {
  return {
    field: 'environment',
    code: 'no_content',
    message: `The template has no content for ${environment}.`,
  };
}

function refusing<Result>(work: () => Result): Result | RenderRefusal {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    return {
      errors: [
        {
          field: 'template_data',
          code: 'template_failed',
          message: `The template cannot be rendered with this data: ${error.message}.`,
        },
      ],
    };
  }
}

function subjectOf(template: CompiledTemplate, content: LocaleContent, request: RenderRequest): string {
  const rendered = oneLine(run('subject', content.subject, template, content, request, request.data));
  if (rendered.length > acceptLimits.subjectCharsMax) {
    throw new PartError(
      'subject',
      new TemplateError('RenderFailed', `longer than ${acceptLimits.subjectCharsMax} characters`),
    );
  }
  return rendered;
}

/** Each control character of the data becomes a space, so that the header stays one line. */
function oneLine(rendered: string): string {
  const text = rendered.trim().toWellFormed();
  return isClean(text)
    ? text
    : Array.from(text, (character) => (isClean(character) ? character : ' '))
        .join('')
        .trim();
}

function headersOf(
  template: CompiledTemplate,
  content: LocaleContent,
  request: RenderRequest,
): RenderedMail['headers'] {
  const rendered = template.revision.headers.map(({ name, value }): [string, string] => [
    name,
    oneLine(run('headers', value, template, content, request, request.data)),
  ]);
  const { headers, errors } = parseHeaders(Object.fromEntries(rendered));
  const [error] = errors;
  if (error === undefined) return headers;
  const name = error.field.slice('headers.'.length);
  const message = `the header ${name} is not valid. ${error.message}`.replace(/\.$/, '');
  throw new PartError('headers', new TemplateError('RenderFailed', message));
}

/**
 * The part in its layouts, innermost first. A layout without this part leaves the part unchanged. A
 * blank part is absent, and no layout is put around nothing.
 */
function wrapped(
  part: 'html' | 'text',
  template: CompiledTemplate,
  content: LocaleContent,
  request: RenderRequest,
): string | null {
  const source = content[part];
  if (source === null) return null;
  let result = run(part, source, template, content, request, request.data);
  if (isBlank(result)) return null;
  for (const layout of layoutsFor(template.revision, content, request)) {
    const around = layout[part];
    if (around !== null)
      result = run(part, around, template, content, request, { ...request.data, content: result });
  }
  return presentPart(result);
}

/** The content of each layout, in the language of the content inside. */
function layoutsFor(
  revision: TemplateRevision,
  content: LocaleContent,
  request: RenderRequest,
): readonly LocaleContent[] {
  return revision.layouts
    .map((layout) => contentFor(layout, { ...request, language: content.locale }))
    .filter((found) => found !== null);
}

function run(
  part: TemplatePart,
  source: string,
  template: CompiledTemplate,
  content: LocaleContent,
  request: RenderRequest,
  data: RenderRequest['data'],
): string {
  const state = {
    budget: new RenderBudget(),
    language: formattingLanguage(request.language, content.locale),
    out: '',
    line: 0,
  };
  try {
    programOf(part, source, template)(data, state);
    return state.out;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new PartError(
      part,
      new TemplateError(error.reason, error.message, error.line ?? (state.line || null)),
      part !== 'headers' && source !== content[part],
    );
  }
}

function programOf(part: TemplatePart, source: string, template: CompiledTemplate): CompiledSource {
  const programs = part === 'html' ? template.programs.escaping : template.programs.plain;
  const known = programs.get(source);
  if (known) return known;
  const program = compileSource(source, part === 'html');
  programs.set(source, program);
  return program;
}

/**
 * All sources of one mail are parsed together at their first use, so the parts and layouts share
 * one limit. Throws `PartError`.
 */
export function checkSize(revision: TemplateRevision, content: LocaleContent, request: RenderRequest): void {
  const sources = [content, ...layoutsFor(revision, content, request)].flatMap((one) => [
    one.subject,
    one.html ?? '',
    one.text ?? '',
  ]);
  sources.push(...revision.headers.map(({ value }) => value));
  const bytes = sources.reduce((sum, source) => sum + Buffer.byteLength(source), 0);
  const tags = sources.reduce((sum, source) => sum + countTags(source), 0);
  const excess =
    bytes > templateLimits.templateSourceBytesMax
      ? `more than ${templateLimits.templateSourceBytesMax} bytes`
      : tags > templateLimits.templateTagsMax
        ? `more than ${templateLimits.templateTagsMax} tags`
        : null;
  if (excess)
    throw new PartError(
      'html',
      new TemplateError('TooLarge', `subject, html, text, headers and layouts together have ${excess}`),
    );
}
