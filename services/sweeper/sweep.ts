// The sweeper's loop (R4): what is due goes to the queue, leases that ran out are taken back, what
// is too old ends, and each backlog is fed into its window. It alone can run the system with the
// queue gone. Any number of sweepers: each step is a compare-and-set, and an entry that two of them
// publish is claimed once.

import { type Change, endIfTooOld, fallDue, lapse, published } from '../core/delivery/delivery.ts';
import { viewOf } from '../core/delivery/message.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { Backlog, DueDelivery } from '../ports/due-deliveries.ts';
import type { NewEntry } from '../ports/work-queue.ts';
import { sweepBlobs } from './sweep-blobs.ts';
import type { Sweeper } from './sweeper.ts';

/** Sweeps until the signal aborts. Never rejects: a store that is away is asked again. */
export async function sweepLoop(s: Sweeper, signal: AbortSignal): Promise<void> {
  let blobsSweptAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    let isWaiting = false;
    try {
      isWaiting = await sweep(s, signal);
      if (s.clock.monotonic() - blobsSweptAt >= sweepLimits.sweepBlobsEveryMs) {
        blobsSweptAt = s.clock.monotonic();
        await sweepBlobs(s, signal);
      }
    } catch (error) {
      s.report('a sweep failed', error);
    }
    // spread, so that several sweepers seldom look at the same moment
    await s.clock.sleep(
      (isWaiting ? sweepLimits.feedEveryMs : sweepLimits.sweepEveryMs) * (0.75 + s.random.fraction() / 2),
      signal,
    );
  }
}

/**
 * One sweep. True: a backlog waits for room in its window. Rejects when the store fails; what was
 * done is done, the rest is found again.
 */
async function sweep(s: Sweeper, signal: AbortSignal): Promise<boolean> {
  await wakeUp(s, signal);
  return await feedBacklogs(s, signal);
}

/**
 * Everything that waits for a time, or whose lease is over: batch by batch until nothing is left
 * that could be changed.
 */
async function wakeUp(s: Sweeper, signal: AbortSignal): Promise<void> {
  for (;;) {
    const now = s.messages.now();
    const found = await s.messages.woken(['sending', 'deferred', 'scheduled'], now, sweepLimits.sweepBatch);
    const changes = found.flatMap((f) => wake(s, f, now) ?? []);
    if (changes.length === 0 || signal.aborted) return;
    const made = await s.messages.apply(changes);
    count(s, changes, made);
    if (found.length < sweepLimits.sweepBatch || made.every((version) => version === null)) return;
  }
}

function wake(s: Sweeper, { message, delivery }: DueDelivery, now: number): Change | null {
  const subject = viewOf(message, delivery);
  if (subject.delivery.state === 'sending') return lapse(subject, now, s.lapseDelayMs);
  return endIfTooOld(subject, now, maxAgeOf(s, message)) ?? fallDue(subject, now);
}

const maxAgeOf = (s: Sweeper, message: DueDelivery['message']): number =>
  s.catalog.current().sender(message.tenant, message.sender)?.retry.maxAgeMs ?? deliveryLimits.maxAgeMs;

function count(s: Sweeper, changes: readonly Change[], made: readonly (string | null)[]): void {
  const done = changes.filter((_, i) => made[i] != null);
  const of = (is: (c: Change) => boolean): number => done.filter(is).length;
  s.metrics.swept(
    'due',
    of((c) => c.set.state === 'queued' && c.set.lapses === undefined),
  );
  s.metrics.swept(
    'lapsed',
    of((c) => c.set.lapses !== undefined),
  );
  s.metrics.swept(
    'ended',
    of((c) => c.set.wakeAt === null),
  );
}

/**
 * In turns, one batch each, so that one tenant's backlog does not keep another waiting. True: one
 * of the windows is full.
 */
async function feedBacklogs(s: Sweeper, signal: AbortSignal): Promise<boolean> {
  let isWaiting = false;
  let open = await s.messages.backlogs(s.messages.now());
  while (open.length > 0 && !signal.aborted) {
    const more: Backlog[] = [];
    for (const backlog of open) {
      const { isFull, isMore } = await feed(s, backlog);
      if (isMore) more.push(backlog);
      isWaiting ||= isFull;
    }
    open = more;
  }
  return isWaiting;
}

/**
 * Publishes the oldest of a backlog. `isFull`: its window had no room for all of them. `isMore`: it
 * took all, and there may be others.
 */
async function feed(
  s: Sweeper,
  backlog: Backlog,
): Promise<{ readonly isFull: boolean; readonly isMore: boolean }> {
  const now = s.messages.now();
  const found = await s.messages.unpublished(backlog, now, sweepLimits.feedBatch);
  const changes: Change[] = [];
  const feedable: { readonly found: DueDelivery; readonly publication: NewEntry }[] = [];
  for (const f of found) {
    const subject = viewOf(f.message, f.delivery);
    const old = endIfTooOld(subject, now, maxAgeOf(s, f.message));
    if (old !== null) changes.push(old);
    else feedable.push({ found: f, publication: publicationOf(f) });
  }
  const results = feedable.length === 0 ? [] : await s.queue.publish(feedable.map((f) => f.publication));
  for (const [i, { found: f }] of feedable.entries()) {
    const change =
      results[i] === 'published'
        ? published(viewOf(f.message, f.delivery), s.messages.now(), s.republishMs)
        : null;
    if (change !== null) changes.push(change);
  }
  const made = changes.length === 0 ? [] : await s.messages.apply(changes);
  count(s, changes, made);
  s.metrics.swept('published', results.filter((r) => r === 'published').length);
  const isMore =
    found.length === sweepLimits.feedBatch &&
    results.every((r) => r === 'published') &&
    made.some((version) => version !== null);
  return { isFull: results.includes('full'), isMore };
}

function publicationOf({ message, delivery }: DueDelivery): NewEntry {
  const { attempt, domain } = viewOf(message, delivery).delivery;
  return {
    tenant: message.tenant,
    tier: message.tier,
    entry: { message: message.id, delivery, attempt, domain, trace: message.trace },
  };
}
