// The content type of an attachment (RFC 2045 section 5.1). One parser judges the types of a
// request and supplies what the writer writes.

import type { FieldError } from '../../failure.ts';
import { acceptLimits } from '../../limits/accept.ts';

export interface ContentType {
  /** `type/subtype` in lower case. */
  readonly type: string;
  /** Names in lower case; values as given, without quotes. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

/** Which part of a content type is wrong: a sentence without the value. */
export interface ContentTypeFault {
  readonly fault: string;
}

/** The type of a file about which nothing is known. */
export const UNKNOWN_TYPE = 'application/octet-stream';
const { contentTypeParametersMax: parametersMax, contentTypeValueCharsMax: valueCharsMax } = acceptLimits;

const nameSyntax = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
const parameterName = /^[A-Za-z0-9!#$&^_.+-]{1,40}$/;
const token = /^[A-Za-z0-9!#$%&'*+.^_`{|}~-]+$/;
/** A semicolon, a name, and a value in quotes or without. */
const parameterSyntax = /[ \t]*;[ \t]*([^=;"]*)(?:=("(?:[^"\\]|\\.)*"|[^;"]*))?/y;
const printable = /^[ -~]*$/;

/** Their content must not be encoded (RFC 2046 section 5.2), so it must be ASCII in short lines. */
const messageTypes: readonly string[] = [
  'message/rfc822',
  'message/delivery-status',
  'message/disposition-notification',
  'message/feedback-report',
];

/** True for a type whose content is sent as 7bit. */
export function isUnencoded(type: string): boolean {
  return messageTypes.includes(type);
}

export function parseContentType(text: string): ContentType | ContentTypeFault {
  const end = text.includes(';') ? text.indexOf(';') : text.length;
  const names = text.slice(0, end).trim().split('/');
  const [main = '', sub = ''] = names;
  if (names.length !== 2) return { fault: 'A content type is type/subtype, for example application/pdf.' };
  if (!nameSyntax.test(main)) return wrong('type before the slash');
  if (!nameSyntax.test(sub)) return wrong('subtype after the slash');
  const type = `${main}/${sub}`.toLowerCase();
  if (main.toLowerCase() === 'multipart')
    return { fault: 'An attachment cannot be multipart, because it is one part of the mail.' };
  if (main.toLowerCase() === 'message' && !isUnencoded(type))
    return { fault: `Of the message types, an attachment may have ${messageTypes.join(', ')}.` };
  const parameters = parseParameters(text.slice(end).trimEnd());
  return 'fault' in parameters ? parameters : { type, parameters };
}

function parseParameters(text: string): ContentType['parameters'] | ContentTypeFault {
  const parameters = new Map<string, string>();
  parameterSyntax.lastIndex = 0;
  for (let at = 0; at < text.length; at = parameterSyntax.lastIndex) {
    const [, given = '', raw] = parameterSyntax.exec(text) ?? [];
    const name = given.trim().toLowerCase();
    if (!parameterName.test(name))
      return { fault: 'A parameter of a content type is name=value, after a semicolon.' };
    const fault = nameFault(name) ?? (raw === undefined ? noValue(name) : valueFault(name, raw.trim()));
    if (fault !== null) return { fault };
    if (parameters.has(name)) return { fault: `The parameter ${name} is given twice.` };
    parameters.set(name, unquoted((raw ?? '').trim()));
    if (parameters.size > parametersMax)
      return { fault: `A content type has at most ${parametersMax} parameters.` };
  }
  return [...parameters];
}

function nameFault(name: string): string | null {
  if (name === 'name' || name === 'filename')
    return `The parameter ${name} cannot be set here; use the field filename of the attachment.`;
  return name === 'boundary' ? 'The parameter boundary belongs to multipart types only.' : null;
}

const noValue = (name: string): string => `The parameter ${name} has no value.`;

function valueFault(name: string, raw: string): string | null {
  if (raw === '') return noValue(name);
  if (!raw.startsWith('"') && !token.test(raw))
    return `The value of the parameter ${name} has a character that is allowed only in quotes.`;
  const value = unquoted(raw);
  if (!printable.test(value)) return `The value of the parameter ${name} must be printable ASCII.`;
  return value.length > valueCharsMax
    ? `The value of the parameter ${name} has more than ${valueCharsMax} characters.`
    : null;
}

const unquoted = (raw: string): string =>
  raw.startsWith('"') ? raw.slice(1, -1).replace(/\\(.)/gs, '$1') : raw;

const wrong = (part: string): ContentTypeFault => ({
  fault: `The ${part} has 1 to 127 letters, digits, dots, hyphens, plus signs and underscores.`,
});

/** The type of an attachment of a request; the request may leave it out. */
export const parseAttachmentType = (text: string): ContentType | ContentTypeFault =>
  parseContentType(text === '' ? UNKNOWN_TYPE : text);

/** What is wrong with the type and the disposition of an attachment of a request. */
export function attachmentTypeErrors(
  path: string,
  read: ContentType | ContentTypeFault,
  disposition: string,
): readonly FieldError[] {
  if ('fault' in read)
    return [{ field: `${path}.content_type`, code: 'invalid_content_type', message: read.fault }];
  if (disposition !== 'alternative' || isAlternative(read.type)) return [];
  const message =
    'Only an attachment of a text type other than text/plain and text/html can be an alternative.';
  return [{ field: `${path}.disposition`, code: 'invalid_disposition', message }];
}

/** A mail program shows one of the alternatives; a file there would hide the text and the html. */
function isAlternative(type: string): boolean {
  return type.startsWith('text/') && type !== 'text/plain' && type !== 'text/html';
}

/** The content type as a header has it, each parameter on a line of its own. */
export function writeContentType({ type, parameters }: ContentType): string {
  return [type, ...parameters.map(([name, value]) => `${name}=${writeValue(value)}`)].join(';\r\n ');
}

const writeValue = (value: string): string =>
  token.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;

/** The content type in one line, as messages store it. */
export function contentTypeText(type: ContentType): string {
  return writeContentType(type).replaceAll('\r\n', '');
}
