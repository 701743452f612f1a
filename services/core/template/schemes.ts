// The schemes of links: `https` of `https://shop.example`. docs/templates.md lists which schemes a
// template may use.

/** Every template may use these. */
export const standardSchemes: readonly string[] = ['https', 'http', 'mailto', 'tel', 'cid'];

/** No template may use these: they run code, or read what is on the recipient's computer. */
export const forbiddenSchemes: readonly string[] = ['javascript', 'vbscript', 'file', 'data'];

/** `https, http and mailto` */
export function listed(schemes: readonly string[], word: 'and' | 'or'): string {
  return `${schemes.slice(0, -1).join(', ')} ${word} ${schemes.at(-1)}`;
}

/** RFC 3986, section 3.1. */
export const schemePattern = /^[A-Za-z][A-Za-z0-9+.-]*$/;

/** URL parsers drop some of these at the start of a link, others anywhere in it. */
const dropped = /[\0- \x7f-\xa0\p{Cf}\p{Z}]/u;
const schemeCharacter = /[a-z0-9+.-]/i;

/**
 * The scheme of a link in lower case; null when the link has none. A text in front of the first
 * colon counts as a scheme also where RFC 3986 would not allow it (`1x:`), because not every mail
 * program is that strict.
 */
export function schemeOf(link: string): string | null {
  let scheme = '';
  for (const character of link) {
    if (character === ':') return scheme;
    if (schemeCharacter.test(character)) scheme += character.toLowerCase();
    else if (!dropped.test(character)) return null;
  }
  return null;
}
