// The reference of variables in docs/running.md, written from their declarations: a test compares
// the page with it, and `make golden` writes it anew.

import { type Variable, variables } from './config.ts';

const BEGIN = '<!-- variables: from services/runtime/config.ts, by `make golden` -->';
const END = '<!-- variables: end -->';

/**
 * The page with its reference as the variables are declared now. Throws when the page has no place
 * for it.
 */
export function withVariableReference(page: string): string {
  const [before, rest = ''] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (before === undefined || after === undefined)
    throw new Error('the page has no place for the reference of variables');
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
