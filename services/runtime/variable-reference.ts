// The reference of variables in docs/running.md, written from their declarations: a test compares
// the page with the declarations, and `make golden` updates the page.

import { type Variable, variables } from './config.ts';

const BEGIN = '<!-- variables: from services/runtime/config.ts, by `make golden` -->';
const END = '<!-- variables: end -->';

/**
 * Returns the page with an up-to-date reference. Throws if the page lacks the markers of the
 * reference.
 */
export function withVariableReference(page: string): string {
  const [before, rest = ''] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (before === undefined || after === undefined)
    throw new Error('the page lacks the markers of the reference of variables');
  return before + [BEGIN, table(Object.values(variables)), END].join('\n\n') + after;
}

function table(declared: readonly Variable[]): string {
  const rows = declared.map((v) => [
    `\`${v.name}\``,
    v.unit,
    v.default === null ? '' : `\`${v.default}\``,
    v.programs.join(', '),
    v.help,
  ]);
  const head = ['variable', 'unit', 'default', 'programs', 'meaning'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
