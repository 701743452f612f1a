// Erases each retired sender of the catalog when none of its mail is unfinished. Until then the
// dispatchers need its configuration and its sealed secrets.

import type { MessageStatus } from '../core/delivery/message.ts';
import { catalogLimits } from '../core/limits/catalog.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { DrainingSender } from '../ports/draining-senders.ts';
import type { MessageList } from '../ports/message-list.ts';
import type { StoreClock } from '../ports/store-clock.ts';
import type { Sweeper } from './sweeper-parts.ts';

type EraseParts = Pick<Sweeper, 'clock' | 'drainingSenders' | 'report'> & {
  readonly messages: StoreClock & MessageList;
  readonly metrics: Pick<Sweeper['metrics'], 'drainingSenders'>;
};

const UNFINISHED: readonly MessageStatus[] = ['queued', 'scheduled', 'sending', 'deferred'];

/** Looks until the signal aborts. Never rejects: the next look repeats what failed. */
export async function eraseDrained(s: EraseParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await look(s, signal);
    } catch (error) {
      s.report('the draining senders could not be read', error);
    }
    await s.clock.sleep(sweepLimits.drainLookMs, signal);
  }
}

async function look({ drainingSenders, messages, metrics }: EraseParts, signal: AbortSignal): Promise<void> {
  const found = await drainingSenders.draining();
  let count = found.length;
  for (const sender of found) {
    if (signal.aborted) return;
    // an ingest that has not read the catalog since may still accept mail
    if (messages.now() < knownByAllAt(sender) || (await hasMail(messages, sender))) continue;
    await drainingSenders.erase(sender);
    count -= 1;
  }
  metrics.drainingSenders(count);
}

/**
 * From this time on, each ingest has read the catalog since the sender was retired, and the
 * requests that it was accepting then are stored.
 */
const knownByAllAt = ({ retiredAt }: DrainingSender): number =>
  retiredAt + catalogLimits.catalogHeadEveryMs + sweepLimits.drainLookMs;

async function hasMail(
  messages: Pick<MessageList, 'list'>,
  { tenant, name }: DrainingSender,
): Promise<boolean> {
  for (const status of UNFINISHED)
    if ((await messages.list({ tenant, sender: name, status, limit: 1 })).length > 0) return true;
  return false;
}
