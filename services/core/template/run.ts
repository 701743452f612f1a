// The state of one rendering of one source: the output, and what helpers read.

import type { RenderBudget } from './render-budget.ts';

export interface Run {
  readonly budget: RenderBudget;
  /** A canonical BCP 47 tag, for dates, numbers and plurals. */
  readonly language: string;
  out: string;
  /** The line of the tag being rendered, for errors. */
  line: number;
}
