// What waits for dispatchers: how much, told to whoever scales them, and for how long, told to
// whoever is on call. Each sweeper looks at all of it.

import { sweepLimits } from '../core/limits/sweep.ts';
import type { Sweeper } from './sweeper.ts';

/**
 * Looks until the signal aborts. Never rejects: while the store is away, the last figures stand.
 */
export async function countQueued(
  s: Pick<Sweeper, 'messages' | 'clock' | 'metrics' | 'report'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      s.metrics.backlog(await s.messages.countQueued(sweepLimits.countQueuedMax));
      const now = s.messages.now();
      s.metrics.oldestSendable(now - ((await s.messages.oldestDue(now)) ?? now));
    } catch (error) {
      s.report('the backlog could not be counted', error);
    }
    await s.clock.sleep(sweepLimits.countQueuedEveryMs, signal);
  }
}
