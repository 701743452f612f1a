// The table of headers in docs/sending.md, written from the declarations: a test compares the page
// with them, and `make golden` updates the page.

import { namedHeaders } from './headers.ts';

const BEGIN = '<!-- headers: from services/core/mail/headers.ts, by `make golden` -->';
const END = '<!-- headers: end -->';

/** The page with an up-to-date table. Throws if the page lacks the markers of the table. */
export function withHeaderReference(page: string): string {
  const [before, rest = ''] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (before === undefined || after === undefined)
    throw new Error('the page lacks the markers of the table of headers');
  const rows = Object.entries(namedHeaders).map(([name, { expects }]) => [`\`${name}\``, expects]);
  const table = [['header', 'value'], ['---', '---'], ...rows, ['`X-*`', 'any text on one line']]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
  return before + [BEGIN, table, END].join('\n\n') + after;
}
