// The forms of the headers of lists: List-Id (RFC 2919), List-Unsubscribe and its relatives (RFC
// 2369), and the one-click unsubscription (RFC 8058).

import type { FieldError } from '../failure.ts';
import { acceptLimits } from '../limits/accept.ts';
import { forPrograms, type HeaderForm, mismatch, splitAtCommas, type ValueFault } from './header-forms.ts';
import { identifierField } from './mime/header-field.ts';

/** A comment has no angle brackets: readers look for those to find the URIs. */
const uriItem = /^(?:\(([ -'*-;=?-~]*)\) ?)?<([^<>]*)>(?: ?\(([ -'*-;=?-~]*)\))?$/;
/** `new URL` also accepts `https:b.example`, which readers do not. */
const uriSyntax = /^(?:https?:\/\/[^/]|mailto:[^?])/i;
const urisExpected =
  'URIs in angle brackets, separated by commas, with the scheme `https`, `http` or `mailto`';

/**
 * Commas separate the URIs, and each may have a comment. RFC 2369 has readers remove white space
 * inside the brackets, so a URI may have been folded there.
 */
export const uris: HeaderForm = {
  ...forPrograms(urisExpected, () => true),
  read: (value) => {
    const items: string[] = [];
    for (const item of splitAtCommas(value)) {
      const [, before, given, after] = uriItem.exec(item) ?? [];
      if (given === undefined) return mismatch(urisExpected);
      const uri = given.replaceAll(' ', '');
      const fault = uriFault(uri);
      if (fault !== null) return fault;
      items.push([before && `(${before})`, `<${uri}>`, after && `(${after})`].filter(Boolean).join(' '));
    }
    return items.join(', ');
  },
};

function uriFault(uri: string): ValueFault | null {
  if (!/^[!-~]*$/.test(uri))
    return { fault: 'A URI in a header must be ASCII: percent-encode all other characters.' };
  if (uri.length > acceptLimits.headerWordCharsMax)
    return { fault: `A URI in a header has at most ${acceptLimits.headerWordCharsMax} characters.` };
  return URL.canParse(uri) && uriSyntax.test(uri) ? null : mismatch(urisExpected);
}

const listIdSyntax = /^(?:(.*?) ?)<([a-z0-9-]+(?:\.[a-z0-9-]+)+)>$/i;
const listIdExpected = 'an identifier in angle brackets, for example `Orders <orders.shop.example>`';

/** A name for people may precede the identifier, in quotes or plain. */
export const listId: HeaderForm = {
  expects: listIdExpected,
  read: (value) => {
    const [, name = '', id = ''] = listIdSyntax.exec(value) ?? [];
    // RFC 2919 section 3 limits the identifier to 255 characters
    return id === '' || id.length > 255 || /[<>]/.test(name) ? mismatch(listIdExpected) : value;
  },
  write: (name, value) => {
    const [, phrase = '', id = ''] = listIdSyntax.exec(value) ?? [];
    return identifierField(name, unquoted(phrase), id);
  },
};

const unquoted = (phrase: string): string =>
  /^".*"$/.test(phrase) ? phrase.slice(1, -1).replace(/\\(.)/g, '$1') : phrase;

/**
 * The fault of all headers of a mail together, or null: RFC 8058 has List-Unsubscribe-Post only
 * beside a List-Unsubscribe with an https URI.
 */
export function oneClickError(headers: Readonly<Record<string, string>>, path: string): FieldError | null {
  const isPost = Object.hasOwn(headers, 'List-Unsubscribe-Post');
  if (!isPost || /<https:/i.test(headers['List-Unsubscribe'] ?? '')) return null;
  return {
    field: `${path}.List-Unsubscribe-Post`,
    code: 'invalid_header',
    message: 'This header needs a List-Unsubscribe header with an https URI.',
  };
}
