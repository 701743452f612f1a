// One rendering of one source: what a compiled source writes to, and what helpers may ask.

import type { RenderBudget } from './render-budget.ts';

export interface Run {
  readonly budget: RenderBudget;
  /** A canonical BCP 47 tag, for dates, numbers and plurals. */
  readonly language: string;
  out: string;
  /** The line of the tag being rendered, for errors. */
  line: number;
}
