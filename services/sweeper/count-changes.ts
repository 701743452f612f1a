// Counts the changes that a sweep made: deliveries that became due, whose lease lapsed, or that were
// ended.

import type { Change } from '../core/delivery/delivery.ts';
import type { Sweeper } from './sweeper-parts.ts';

/** `made`: for each change the new version, or null if the store refused the change. */
export function countChanges(
  metrics: Sweeper['metrics'],
  changes: readonly Change[],
  made: readonly (string | null)[],
): void {
  const done = changes.filter((_, i) => made[i] != null);
  const of = (is: (c: Change) => boolean): number => done.filter(is).length;
  metrics.swept(
    'due',
    of((c) => c.set.state === 'queued' && c.set.lapses === undefined),
  );
  metrics.swept(
    'lapsed',
    of((c) => c.set.lapses !== undefined),
  );
  metrics.swept(
    'ended',
    of((c) => c.set.wakeAt === null),
  );
}
