// Which headers a caller may set and which values they may have (S1). Headers that decide where
// mail goes, who sent it and how its body is parsed are ours: the request has a field for them, or
// the dispatcher writes them.

import type { FieldError } from '../failure.ts';
import { acceptLimits } from '../limits/accept.ts';

/**
 * The header that callers of other services put into `headers{}` for the idempotency key. Lower
 * case; compare case-insensitively. `parseHeaders` leaves it out of the mail, and the reader of the
 * request takes the key from it.
 */
export const IDEMPOTENCY_KEY_HEADER = 'x-idempotency-key';

/**
 * `token`: ASCII for programs, which must not become encoded words. `text`: any Unicode, for
 * people.
 */
const named: ReadonlyMap<string, 'token' | 'text'> = new Map([
  ['auto-submitted', 'token'],
  ['comments', 'text'],
  ['feedback-id', 'token'],
  ['importance', 'token'],
  ['in-reply-to', 'token'],
  ['keywords', 'text'],
  ['organization', 'text'],
  ['precedence', 'token'],
  ['priority', 'token'],
  ['references', 'token'],
  ['sensitivity', 'token'],
  ['thread-index', 'token'],
  ['thread-topic', 'text'],
]);

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
  /^(?:arc-|authentication-results$|content-|date$|delivered-to$|dkim-|domainkey-|errors-to$|list-|message-id$|mime-version$|received|resent-|return-|x-packetboat-)/;
const nameSyntax = /^[A-Za-z][A-Za-z0-9_-]*$/;
/**
 * Characters that could end a header or hide in it. Tabs are refused as well, because no caller
 * needs them.
 */
const control = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/**
 * Parses the `headers{}` of a request. Returns all faults, each with its path, for example
 * `headers.X-Foo`. If there are faults, the headers may be incomplete.
 */
export function parseHeaders(given: Readonly<Record<string, string>>): {
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
    const field = `headers.${printableName(name)}`;
    const error = nameError(field, name, lower) ?? valueError(field, lower, value);
    if (error !== null) errors.push(error);
    else if (seen.has(lower))
      errors.push({
        field,
        code: 'duplicate_header',
        message: 'The header is given twice, in different capitals.',
      });
    else headers.push([name, value.trim()]);
    seen.add(lower);
  }
  return { headers: Object.fromEntries(headers), errors };
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

function nameError(field: string, name: string, lower: string): FieldError | null {
  if (!nameSyntax.test(name))
    return {
      field,
      code: 'invalid_header',
      message: 'A header name is letters, digits, hyphens and underscores.',
    };
  if (name.length > acceptLimits.headerNameCharsMax)
    return {
      field,
      code: 'invalid_header',
      message: `A header name has at most ${acceptLimits.headerNameCharsMax} characters.`,
    };
  const own = requestField.get(lower);
  if (own !== undefined)
    return {
      field,
      code: 'reserved_header',
      message: `This header cannot be set here; use the field ${own} of the request.`,
    };
  if (reserved.test(lower))
    return { field, code: 'reserved_header', message: 'This header is reserved: callers cannot set it.' };
  if (lower.startsWith('x-') || named.has(lower)) return null;
  return {
    field,
    code: 'unknown_header',
    message: `Only headers that begin with X- may be set, and these: ${[...named.keys()].join(', ')}.`,
  };
}

function valueError(field: string, lower: string, value: string): FieldError | null {
  if (Buffer.byteLength(value) + lower.length > acceptLimits.headerBytesMax) {
    return {
      field,
      code: 'header_too_long',
      message: `A header has at most ${acceptLimits.headerBytesMax} bytes.`,
    };
  }
  if (named.get(lower) === 'token' && !value.split(' ').every(isToken)) {
    return {
      field,
      code: 'invalid_header',
      message: `The value of this header must be ASCII words of at most ${acceptLimits.headerWordCharsMax} characters.`,
    };
  }
  return headerTextError(field, value);
}

/** `=?` would be parsed as the start of an encoded word. */
function isToken(word: string): boolean {
  return word.length <= acceptLimits.headerWordCharsMax && /^[!-~]*$/.test(word) && !word.includes('=?');
}

/** A caller's header name as part of a path, made printable and short. */
function printableName(name: string): string {
  return name.slice(0, acceptLimits.headerNameCharsMax).replace(/[^!-~]/g, '?');
}
