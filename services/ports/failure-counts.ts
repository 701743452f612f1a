// Recent failures by name, counted by all processes together. The counts may be lost.

import type { WindowCount } from '../core/access/failure-windows.ts';

export interface FailureCounts {
  /**
   * Counts one failure under each of these names, in at most one round trip, and returns the number
   * of failures in each name's window, in the order given. Resolves within
   * `budgetsLimits.budgetCallMs` and never rejects: while the server is unreachable, this process
   * continues with its own counts.
   */
  add(names: readonly string[]): Promise<readonly WindowCount[]>;
}
