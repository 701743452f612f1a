// Continues the mail of the previous process, at the start of embedded mode. The queue was in the
// memory of that process, so every entry is lost. The data folder belongs to one process at a time
// (`openDatabase` holds a lock), so that process has ended, and every lease is over. A sweeper
// cannot know either: it would wait 60 s for the entries to count as lost, and for the end of each
// lease. This step runs before the dispatcher starts. The first round of the sweeper, at once after
// it, feeds the queue oldest first.

import { type Change, lapseAtStart } from '../core/delivery/delivery.ts';
import { viewOf } from '../core/delivery/message.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { DueDeliveries } from '../ports/due-deliveries.ts';
import type { LostEntries } from '../ports/lost-entries.ts';
import type { MessageStore } from '../ports/message-store.ts';
import { countChanges } from '../sweeper/count-changes.ts';
import type { Sweeper } from '../sweeper/sweeper-parts.ts';

export interface ResumeParts extends Pick<Sweeper, 'lapseDelayMs' | 'metrics'> {
  /** No other process writes to this store, and nothing in this process sends mail yet. */
  readonly messages: MessageStore & DueDeliveries & LostEntries;
}

/** How many deliveries a start continued. */
export interface Resumed {
  /** Deliveries that the previous process had in hand. */
  readonly inHand: number;
  /** Deliveries that had an entry in the queue. */
  readonly inQueue: number;
}

/**
 * Rejects when the store fails. The changes made before stay, and the sweeper continues the rest at
 * its usual times.
 */
export async function resume(parts: ResumeParts): Promise<Resumed> {
  const inQueue = await parts.messages.forgetEntries();
  const inHand = await takeBackAll(parts);
  return { inHand, inQueue };
}

/**
 * In batches. A dispatcher has at most `dispatchLimits.deliveriesInFlightMax` deliveries in hand.
 */
async function takeBackAll({ messages, metrics, lapseDelayMs }: ResumeParts): Promise<number> {
  for (let count = 0; ; ) {
    const found = await messages.woken(['sending'], Number.MAX_SAFE_INTEGER, sweepLimits.sweepBatch);
    const now = messages.now();
    const changes: Change[] = found.flatMap(
      ({ message, delivery }) => lapseAtStart(viewOf(message, delivery), now, lapseDelayMs) ?? [],
    );
    if (changes.length === 0) return count;
    const made = await messages.apply(changes);
    countChanges(metrics, changes, made);
    const changed = made.filter((version) => version !== null).length;
    count += changed;
    if (changed === 0) return count;
  }
}
