// How often something failed lately, counted by all processes together. Nothing in it must survive.

import type { WindowCount } from '../core/access/failure-windows.ts';

export interface FailureCounts {
  /**
   * Counts one failure under each of these names, in one round trip at most, and answers how many
   * there are in each name's window, in the order given. Answers within
   * `budgetsLimits.budgetCallMs` and never rejects: when the server behind it is lost, this process
   * counts by itself, from what it has counted so far.
   */
  add(names: readonly string[]): Promise<readonly WindowCount[]>;
}
