// Judges the links of a rendered html. The rendered html is read, not the template, because a link
// may come from the caller's data.

import { findLink } from './html-links.ts';
import { forbiddenSchemes, listed, standardSchemes } from './schemes.ts';

/** Why an html must not be sent, and the line of the html. The reason holds none of its text. */
interface LinkFault {
  readonly message: string;
  /** From 1; null where no line is to blame. */
  readonly line: number | null;
}

/**
 * The first link with a scheme that the template may not use; null when there is none.
 * `allowedSchemes`: what the template allows besides the standard schemes, in lower case.
 */
export function findUnsafeLink(html: string, allowedSchemes: readonly string[]): LinkFault | null {
  const allowed = new Set([...standardSchemes, ...allowedSchemes]);
  for (const scheme of forbiddenSchemes) allowed.delete(scheme);
  const link = findLink(html, ({ scheme }) => scheme !== null && !allowed.has(scheme));
  if (link === null) return null;
  if (link === 'nested') {
    const message =
      'the rendered html has too many tags inside tags to check its links; is a quote or a > missing?';
    return { message, line: null };
  }
  // only a scheme of this list is named: any other text may be a secret of the caller
  const { place, scheme } = link;
  const message =
    scheme !== null && forbiddenSchemes.includes(scheme)
      ? `the link in ${place} of the rendered html has the scheme ${scheme}, which is never allowed`
      : `the link in ${place} of the rendered html has a scheme other than ${listed([...allowed], 'and')}; spec.allowedSchemes can allow others`;
  return { message, line: html.slice(0, link.at).split('\n').length };
}
