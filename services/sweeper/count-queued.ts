// How much mail could go now, told to whoever scales dispatchers. Each sweeper counts all of it.

import { limits } from '../core/limits.ts';
import type { Sweeper } from './sweeper.ts';

/** Counts until the signal aborts. Never rejects: while the store is away, the last figure stands. */
export async function countQueued(s: Pick<Sweeper, 'messages' | 'clock' | 'metrics' | 'report'>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      s.metrics.backlog(await s.messages.queued(limits.countQueuedMax));
    } catch (error) {
      s.report('the backlog could not be counted', error);
    }
    await s.clock.sleep(limits.countQueuedEveryMs, signal);
  }
}
