// Searches rendered html for links with a scheme that no mail needs, above all `javascript:`. The
// search does not parse html: every `href=` and `src=` is checked, also in comments and text, so an
// attacker cannot exploit differences between our parser and a mail program's.

const allowed = new Set(['https', 'http', 'mailto', 'tel', 'cid']);
const attribute = /(?<![\w-])(href|src|action|formaction)[\t\n\f\r ]*=[\t\n\f\r ]*["']?/gi;
/**
 * Characters that URL parsers drop from a link, anywhere or at its start: tabs, line ends, control
 * characters and spaces.
 */
const dropped = /[\0- ]/;
/** The named references that can stand for a character of a scheme, or for one that is dropped. */
const named: Readonly<Record<string, string>> = {
  colon: ':',
  tab: '\t',
  newline: '\n',
  plus: '+',
  period: '.',
};

/**
 * The first link whose scheme is not https, http, mailto, tel or cid; null when there is none.
 * Linear in the input.
 */
export function findUnsafeLink(html: string): { readonly attribute: string; readonly line: number } | null {
  for (const match of html.matchAll(attribute)) {
    const scheme = schemeAt(html, match.index + match[0].length);
    if (scheme !== null && !allowed.has(scheme)) {
      const line = html.slice(0, match.index).split('\n').length;
      return { attribute: (match[1] ?? '').toLowerCase(), line };
    }
  }
  return null;
}

/** The scheme of the link that begins here, in lower case; null when it has none. */
function schemeAt(html: string, start: number): string | null {
  let scheme = '';
  for (let at = start; at < html.length; ) {
    const { character, length } = characterAt(html, at);
    at += length;
    if (character === ':') return scheme;
    if (dropped.test(character)) continue;
    if (!/[a-z0-9+.-]/i.test(character)) return null;
    scheme += character.toLowerCase();
  }
  return null;
}

/** One character as an html parser reads it, references decoded. */
function characterAt(html: string, at: number): { readonly character: string; readonly length: number } {
  const plain = { character: html[at] ?? '', length: 1 };
  if (plain.character !== '&') return plain;
  const reference = /^&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));?/i.exec(html.slice(at, at + 40));
  if (!reference) return plain;
  const [whole, hex, decimal, name] = reference;
  if (name !== undefined) return { character: named[name.toLowerCase()] ?? '&', length: whole.length };
  const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
  return { character: code <= 0x10ffff ? String.fromCodePoint(code) : '&', length: whole.length };
}
