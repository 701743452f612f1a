// Every helper that a template may call, by its name. docs/templates.md shows each.

import { lineBreaks, urlEncode } from './encoding.ts';
import { formatDate, formatMoney, formatNumber, plural } from './formatting.ts';
import { and, eq, not, or } from './logic.ts';
import type { Helper } from './template-helper.ts';

export const helpers: Readonly<Record<string, Helper>> = {
  formatDate,
  formatNumber,
  formatMoney,
  plural,
  urlEncode,
  lineBreaks,
  eq,
  and,
  or,
  not,
};
