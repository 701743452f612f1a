// Measures what waits for dispatchers: how many deliveries, for an autoscaler, and for how long,
// for an alert. Each sweeper measures the whole store.

import { sweepLimits } from '../core/limits/sweep.ts';
import type { DueDeliveries } from '../ports/due-deliveries.ts';
import type { StoreClock } from '../ports/store-clock.ts';
import type { Sweeper } from './sweeper-parts.ts';

export type CountParts = Pick<Sweeper, 'clock' | 'metrics' | 'report'> & {
  readonly messages: StoreClock & Pick<DueDeliveries, 'countQueued' | 'oldestDue'>;
};

/**
 * Measures until the signal aborts. Never rejects: while the store is unreachable, the metrics keep
 * their last values.
 */
export async function countQueued(
  { messages, clock, metrics, report }: CountParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      metrics.backlog(await messages.countQueued(sweepLimits.countQueuedMax));
      const now = messages.now();
      metrics.oldestSendable(now - ((await messages.oldestDue(now)) ?? now));
    } catch (error) {
      report('the queued deliveries could not be counted', error);
    }
    await clock.sleep(sweepLimits.countQueuedEveryMs, signal);
  }
}
