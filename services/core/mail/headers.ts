// Which headers a caller may set and which values they may have (S1). Headers that decide where
// mail goes, who sent it and how its body is parsed are ours: the request has a field for them, or
// the dispatcher writes them.

import type { FieldError } from '../failure.ts';
import { acceptLimits } from '../limits/accept.ts';
import { isBlank } from '../template/blank.ts';
import {
  autoSubmitted,
  feedbackId,
  type HeaderForm,
  languages,
  mailboxes,
  oneOf,
  text,
  words,
} from './header-forms.ts';
import { listId, uris } from './list-headers.ts';

/**
 * The header that callers of other services put into `headers{}` for the idempotency key. Lower
 * case; compare case-insensitively. `parseHeaders` leaves it out of the mail, and the reader of the
 * request takes the key from it.
 */
export const IDEMPOTENCY_KEY_HEADER = 'x-idempotency-key';

/** The headers that callers may set besides `X-*`, by name, each with the form of its value. */
export const namedHeaders: Readonly<Record<string, HeaderForm>> = {
  'Auto-Submitted': autoSubmitted,
  Comments: text,
  'Content-Language': languages,
  'Disposition-Notification-To': mailboxes,
  'Feedback-ID': feedbackId,
  Importance: oneOf('high', 'normal', 'low'),
  'In-Reply-To': words,
  Keywords: text,
  'List-Archive': uris,
  'List-Help': uris,
  'List-Id': listId,
  'List-Owner': uris,
  'List-Unsubscribe': uris,
  'List-Unsubscribe-Post': oneOf('List-Unsubscribe=One-Click'),
  Organization: text,
  Precedence: oneOf('bulk', 'list', 'junk', 'first-class'),
  Priority: words,
  References: words,
  Sensitivity: words,
  'Thread-Index': words,
  'Thread-Topic': text,
};

const named: ReadonlyMap<string, { readonly name: string; readonly form: HeaderForm }> = new Map(
  Object.entries(namedHeaders).map(([name, form]) => [name.toLowerCase(), { name, form }]),
);

const requestField: ReadonlyMap<string, string> = new Map([
  ['bcc', 'bcc'],
  ['cc', 'cc'],
  ['from', 'from'],
  ['reply-to', 'reply_to'],
  ['sender', 'from'],
  ['subject', 'subject'],
  ['to', 'to'],
]);

const reserved =
  /^(?:arc-|authentication-results$|content-|date$|delivered-to$|dkim-|domainkey-|errors-to$|list-|message-id$|mime-version$|received|resent-|return-)/;
const nameSyntax = /^[A-Za-z][A-Za-z0-9_-]*$/;
/**
 * Characters that could end a header or hide in it. Tabs are refused as well, because no caller
 * needs them.
 */
const control = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * Parses headers that a caller or a template sets, and returns all faults, each with its path below
 * `path`, for example `headers.X-Foo`. If there are faults, the headers may be incomplete. A header
 * with a blank value counts as absent. Names that the table has are written as the table has them.
 */
export function parseHeaders(
  given: Readonly<Record<string, string>>,
  path = 'headers',
): {
  readonly headers: Readonly<Record<string, string>>;
  readonly errors: readonly FieldError[];
} {
  // the contract limits the number of headers; further headers are not looked at
  const entries = Object.entries(given).slice(0, acceptLimits.headersMax);
  const headers: [string, string][] = [];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    const lower = name.toLowerCase();
    if (lower === IDEMPOTENCY_KEY_HEADER) continue;
    const field = `${path}.${printableName(name)}`;
    const fault = nameError(name, lower) ?? (seen.has(lower) ? duplicate : null);
    seen.add(lower);
    const read = fault ?? readValue(lower, value);
    if (typeof read !== 'string') errors.push({ field, ...read });
    else if (read !== '') headers.push([named.get(lower)?.name ?? name, read]);
  }
  return { headers: Object.fromEntries(headers), errors };
}

/** The whole field with its CRLF, from a name and a value that `parseHeaders` returned. */
export function headerField(name: string, value: string): string {
  return (named.get(name.toLowerCase())?.form ?? text).write(name, value);
}

/** The headers of a template and of a request; those of the request take precedence. */
export function mergeHeaders(
  ofTemplate: Readonly<Record<string, string>>,
  ofRequest: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const given = new Set(Object.keys(ofRequest).map((name) => name.toLowerCase()));
  const inherited = Object.entries(ofTemplate).filter(([name]) => !given.has(name.toLowerCase()));
  return { ...Object.fromEntries(inherited), ...ofRequest };
}

/**
 * The fault of a text that goes into a header (a subject, a name, a filename); null if the text is
 * valid.
 */
export function headerTextError(field: string, text: string): FieldError | null {
  if (control.test(text))
    return {
      field,
      code: 'invalid_header_text',
      message: 'Line breaks and other control characters are not allowed here.',
    };
  return text.isWellFormed()
    ? null
    : { field, code: 'invalid_header_text', message: 'The text is not valid Unicode.' };
}

type Fault = Pick<FieldError, 'code' | 'message'>;

const duplicate: Fault = {
  code: 'duplicate_header',
  message: 'The header is given twice, in different capitals.',
};

/** The fault of a header's name; null if callers may set the header. */
export function nameError(name: string, lower = name.toLowerCase()): Fault | null {
  if (!nameSyntax.test(name))
    return {
      code: 'invalid_header',
      message: 'A header name is letters, digits, hyphens and underscores.',
    };
  if (name.length > acceptLimits.headerNameCharsMax)
    return {
      code: 'invalid_header',
      message: `A header name has at most ${acceptLimits.headerNameCharsMax} characters.`,
    };
  const own = requestField.get(lower);
  if (own !== undefined)
    return {
      code: 'reserved_header',
      message: `This header cannot be set here; use the field ${own} of the request.`,
    };
  if (lower.startsWith('x-packetboat-')) return reservedHeader;
  if (lower.startsWith('x-') || named.has(lower)) return null;
  if (reserved.test(lower)) return reservedHeader;
  return {
    code: 'unknown_header',
    message: `Only headers that begin with X- may be set, and these: ${Object.keys(namedHeaders).join(', ')}.`,
  };
}

const reservedHeader: Fault = {
  code: 'reserved_header',
  message: 'This header is reserved: callers cannot set it.',
};

/** A line break with the white space after it, which RFC 5322 section 2.2.3 has readers unfold. */
const folding = /\r?\n[ \t]+/g;

/** The value in its form, unfolded and trimmed; empty if it is blank. */
function readValue(lower: string, given: string): string | Fault {
  const value = given.replace(folding, ' ');
  if (Buffer.byteLength(value) + lower.length > acceptLimits.headerBytesMax)
    return {
      code: 'header_too_long',
      message: `A header has at most ${acceptLimits.headerBytesMax} bytes.`,
    };
  if (/[\r\n]/.test(value))
    return {
      code: 'invalid_header_text',
      message:
        'The value has a line break. Write the value in one line, or begin each further line with a space.',
    };
  const error = headerTextError('', value);
  if (error !== null) return { code: error.code, message: error.message };
  if (isBlank(value)) return '';
  const read = (named.get(lower)?.form ?? text).read(value.trim());
  return typeof read === 'string' ? read : { code: 'invalid_header', message: read.fault };
}

/** A caller's header name as part of a path, made printable and short. */
function printableName(name: string): string {
  return name.slice(0, acceptLimits.headerNameCharsMax).replace(/[^!-~]/g, '?');
}
