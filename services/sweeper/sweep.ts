// The sweeper's loop (R4): queues what is due, takes back leases that ran out, ends what is too
// old, and feeds each backlog into its window. The sweeper alone delivers everything that the store
// has, even when the queue lost all entries. Any number of sweepers may run: each change is a
// compare-and-set, and an entry that two of them publish is claimed once.

import {
  type Change,
  type DeliveryView,
  endIfTooOld,
  fallDue,
  lapse,
  published,
} from '../core/delivery/delivery.ts';
import { type Message, viewOf } from '../core/delivery/message.ts';
import { type Lane, laneOf } from '../core/delivery/pacing/lane.ts';
import { LaneTurns } from '../core/delivery/pacing/lane-turns.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { DueDelivery } from '../ports/due-deliveries.ts';
import type { NewEntry } from '../ports/work-queue.ts';
import { countChanges } from './count-changes.ts';
import { LeaseWatch, type Look } from './lease-watch.ts';
import { type BlobParts, sweepBlobs } from './sweep-blobs.ts';
import type { Sweeper } from './sweeper-parts.ts';

type WakeParts = Pick<Sweeper, 'messages' | 'catalog' | 'metrics' | 'lapseDelayMs'>;
type FeedParts = Pick<Sweeper, 'messages' | 'queue' | 'catalog' | 'metrics' | 'republishMs'>;
type SweepParts = WakeParts & FeedParts;
type LoopParts = SweepParts & BlobParts & Pick<Sweeper, 'clock' | 'leaseMs' | 'random' | 'report'>;

const WOKEN = ['sending', 'deferred', 'scheduled'] as const;
const WAITING = WOKEN.filter((state) => state !== 'sending');

/**
 * Sweeps until the signal aborts. Never rejects: after a failure of the store the next sweep
 * retries.
 */
export async function sweepLoop(s: LoopParts, signal: AbortSignal): Promise<void> {
  const watch = new LeaseWatch(s);
  let blobsSweptAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    let isWaiting = false;
    try {
      isWaiting = await sweep(s, watch, signal);
      if (s.clock.monotonic() - blobsSweptAt >= sweepLimits.sweepBlobsEveryMs) {
        blobsSweptAt = s.clock.monotonic();
        await sweepBlobs(s, signal);
      }
    } catch (error) {
      s.report('a sweep failed', error);
    }
    // a random pause, so that several sweepers seldom query the store at the same moment
    await s.clock.sleep(
      (isWaiting ? sweepLimits.feedEveryMs : sweepLimits.sweepEveryMs) * (0.75 + s.random.fraction() / 2),
      signal,
    );
  }
}

/**
 * One sweep. True: a backlog waits for room in its window. Rejects when the store fails; changes
 * made before stay, and the next sweep finds the rest.
 */
async function sweep(s: SweepParts, watch: LeaseWatch, signal: AbortSignal): Promise<boolean> {
  await wakeUp(s, watch, signal);
  return await feedBacklogs(s, signal);
}

/**
 * Changes every delivery that waited for a time that has passed, or whose lease is over, batch by
 * batch, until nothing is left to change.
 */
async function wakeUp(s: WakeParts, watch: LeaseWatch, signal: AbortSignal): Promise<void> {
  for (;;) {
    let look = watch.look();
    // leases that are not taken back would fill the batches
    const states = look.isPaused ? WAITING : WOKEN;
    const found = await s.messages.woken(states, look.now, sweepLimits.sweepBatch);
    if (found.some(isBeingSent)) look = await watch.measure();
    const changes = found.flatMap((due) => changeOf(s, due, look) ?? []);
    if (changes.length === 0 || signal.aborted) return;
    const made = await s.messages.apply(changes);
    countChanges(s.metrics, changes, made);
    if (found.length < sweepLimits.sweepBatch || made.every((version) => version === null)) return;
  }
}

/** Takes back a lease that ran out, ends what is too old, and queues what is due: a retry too. */
function changeOf(
  s: Pick<WakeParts, 'catalog' | 'lapseDelayMs'>,
  { message, delivery }: DueDelivery,
  { now, isPaused }: Look,
): Change | null {
  const view = viewOf(message, delivery);
  if (view.delivery.state === 'sending') return isPaused ? null : lapse(view, now, s.lapseDelayMs);
  return endIfTooOld(view, now, maxAgeOf(s, message)) ?? fallDue(view, now);
}

const isBeingSent = ({ message, delivery }: DueDelivery): boolean =>
  message.deliveries[delivery]?.state === 'sending';

const maxAgeOf = ({ catalog }: Pick<Sweeper, 'catalog'>, { tenant, sender }: Message): number =>
  catalog.current().sender(tenant, sender)?.retry.maxAgeMs ?? deliveryLimits.maxAgeMs;

/**
 * Feeds the backlogs in the turns of their lanes, a batch at each turn, so that a long backlog
 * delays no other lane. True: one of the windows is full.
 */
async function feedBacklogs(s: FeedParts, signal: AbortSignal): Promise<boolean> {
  let isWaiting = false;
  const turns = new LaneTurns<Lane>();
  for (const lane of await s.messages.backlogs(s.messages.now())) turns.push(lane, lane);
  for (let lane = turns.shift(); lane !== undefined && !signal.aborted; lane = turns.shift()) {
    const { isFull, isMore } = await feed(s, lane);
    if (isMore) turns.push(lane, lane);
    isWaiting ||= isFull;
  }
  return isWaiting;
}

/**
 * Publishes the oldest deliveries of a lane's backlog and ends those that are too old. `isFull`: the
 * window had no room for all of them. `isMore`: the window took all of them, and the backlog may
 * have more.
 */
async function feed(
  s: FeedParts,
  lane: Lane,
): Promise<{ readonly isFull: boolean; readonly isMore: boolean }> {
  const now = s.messages.now();
  const found = await s.messages.unpublished(lane, now, sweepLimits.feedBatch);
  const changes: Change[] = [];
  const feedable: { readonly view: DeliveryView; readonly entry: NewEntry }[] = [];
  for (const { message, delivery } of found) {
    const view = viewOf(message, delivery);
    const ended = endIfTooOld(view, now, maxAgeOf(s, message));
    if (ended !== null) changes.push(ended);
    else feedable.push({ view, entry: entryOf(message, view) });
  }
  const results = feedable.length === 0 ? [] : await s.queue.publish(feedable.map(({ entry }) => entry));
  const publishedAt = s.messages.now();
  for (const [i, { view }] of feedable.entries()) {
    const change = results[i] === 'published' ? published(view, publishedAt, s.republishMs) : null;
    if (change !== null) changes.push(change);
  }
  const made = changes.length === 0 ? [] : await s.messages.apply(changes);
  countChanges(s.metrics, changes, made);
  s.metrics.swept('published', results.filter((r) => r === 'published').length);
  const isMore =
    found.length === sweepLimits.feedBatch &&
    results.every((r) => r === 'published') &&
    made.some((version) => version !== null);
  return { isFull: results.includes('full'), isMore };
}

function entryOf(message: Message, { index, delivery: { attempt, domain } }: DeliveryView): NewEntry {
  return {
    ...laneOf(message),
    entry: { message: message.id, delivery: index, attempt, domain, trace: message.trace },
  };
}
