// A mailbox that JSON gives as one string, taken apart into the two fields of the contract's
// Address. It only finds the seam: what an address or a name may be is judged in ingest. A text
// without a clear seam becomes an `email` as it is, and is refused there.

import type { Address } from '../../proto/gen/packetboat/v1/types.ts';

/**
 * Reads `a@b`, `<a@b>`, `Name <a@b>` and `"Quoted, Name" <a@b>`; spaces around the whole are
 * ignored.
 */
export function splitMailbox(given: string): Address {
  const text = trimSpaces(given);
  if (!text.endsWith('>')) return { email: text, name: '' };
  // A `<` inside a quoted name, or inside a quoted local part, is not the bracket.
  const isQuoted = text.startsWith('"');
  const quoteEnd = isQuoted ? endOfQuoted(text) : 0;
  const open = quoteEnd < 0 ? -1 : text.indexOf('<', quoteEnd);
  if (open < 0) return { email: text, name: '' };
  const phrase = trimSpaces(text.slice(0, open));
  const email = text.slice(open + 1, -1);
  if (!isQuoted) return SPECIALS.test(phrase) ? { email: text, name: '' } : { email, name: phrase };
  return phrase.length === quoteEnd
    ? { email, name: trimSpaces(phrase.slice(1, -1).replace(/\\(.)/gsu, '$1')) }
    : { email: text, name: '' };
}

/** What a name may hold only in quotes (RFC 5322 3.2.3), a second address first of all. */
const SPECIALS = /[()<>[\]:;@\\,"]/;

/** Index behind the closing quote of a text that begins with one; -1 when it is not closed. */
function endOfQuoted(text: string): number {
  for (let i = 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}

/** Only spaces: a line break at the end is an attempt at something, and stays to be refused. */
function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === ' ') start++;
  while (end > start && text[end - 1] === ' ') end--;
  return text.slice(start, end);
}
