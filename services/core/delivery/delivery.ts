// The states of a delivery and the rules that change them: the decisions behind accepting,
// claiming, sending, sweeping and cancelling. Each function takes a delivery as the store returned
// it and returns the change to make, or null if the rules forbid the change. The caller writes the
// change with `MessageStore.apply`, which compares `version`, so a decision about an outdated
// delivery has no effect. The rules match a model whose reachable states were all visited
// (docs/decisions/0003): change the model first, then this file.
//
//   scheduled ─due─▶ queued ─claim─▶ sending/streaming ─commit─▶ sending/committing ─record─▶ delivered | bounced | unknown
//                      ▲  ▲               │ release, lapse              │ lapse                  │
//                      │  └───────────────┴─────────────────────────────┘                        │ 4xx
//                      └───────────────────────── due ── deferred ◀──────────────────────────────┘
//
// `streaming`: the dispatcher has not sent the final dot, so the attempt is safe to repeat.
// `committing`: stored before the final dot leaves, so from here on a fault is ambiguous.
// `maybeSent`: an earlier attempt left `committing` without a reply, so the recipient may have a
// copy. Such a delivery is never cancelled, and out of attempts or too old it ends `unknown`.

import type { Address } from '../address.ts';
import type { Copies } from '../catalog/catalog.ts';
import type { MessageId } from '../ids.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { queueLimits } from '../limits/queue.ts';
import type { NewEvent } from './event.ts';

type TerminalState =
  | 'delivered'
  | 'bounced'
  | 'complained'
  | 'suppressed'
  | 'cancelled'
  | 'expired'
  | 'unknown'
  | 'dead';
export type DeliveryState = 'scheduled' | 'queued' | 'sending' | 'deferred' | TerminalState;

/**
 * Why a queued delivery waits in the store although it was due: `budget`, no token in a bucket;
 * `suspended` or `unverified`, the state of its sender; `route`, no route that is open, or no room
 * on the route.
 */
export type HoldReason = 'budget' | 'suspended' | 'unverified' | 'route';

export interface Hold {
  readonly reason: HoldReason;
  /**
   * Why its routes are paused: at most `deliveryLimits.replyCharsMax` characters, without words of
   * a server.
   */
  readonly message?: string;
}

/** The reply or the fault that ended the latest attempt. The API shows it. */
export interface LastReply {
  readonly stage: string;
  readonly code: number | null;
  /** RFC 3463 enhanced status code, for example `5.1.1`; null without one. */
  readonly enhanced: string | null;
  /**
   * The server's text or our description of the fault: one line, at most
   * `deliveryLimits.replyCharsMax` characters.
   */
  readonly text: string;
}

/**
 * The fields of a delivery that change. All times are milliseconds since 1970 by the store's clock.
 */
export interface Progress {
  readonly state: DeliveryState;
  /**
   * Null unless the state is `sending`. An attempt in `streaming` is safe to repeat; an attempt in
   * `committing` may have delivered a copy.
   */
  readonly phase: 'streaming' | 'committing' | null;
  /**
   * Number of the current or next counted attempt, from 1. Refusals about us and releases do not
   * count.
   */
  readonly attempt: number;
  /** Number of all attempts, counted or not. */
  readonly tries: number;
  /** No dispatcher claims the delivery before this time. */
  readonly due: number;
  /**
   * When the sweeper looks at the delivery unless something else happens first; null in a terminal
   * state.
   */
  readonly wakeAt: number | null;
  readonly lease: { readonly id: string; readonly until: number } | null;
  /**
   * How many leases have run out. The fifth (`deliveryLimits.lapsesMax`) ends the delivery, because
   * its message may be what crashes dispatchers.
   */
  readonly lapses: number;
  readonly maybeSent: boolean;
  /**
   * A client asked to cancel while a copy was being sent, and got 409. A deferred attempt then
   * cancels the delivery instead of retrying it, unless `maybeSent`.
   */
  readonly cancelWanted: boolean;
  readonly hold: Hold | null;
  /** Whether the first claim has been recorded, with the event `accepted`. */
  readonly takenUp: boolean;
  readonly route: string | null;
  /**
   * The provider that receives the mail; null until known. Nothing sets the field yet. Its readers
   * will be pacing by destination and the explanation of a message that waits.
   */
  readonly destination: string | null;
  /**
   * The local IP address that the mail left from; null until known. Nothing sets the field yet. Its
   * readers will be the list of a message's attempts and budgets per source address.
   */
  readonly source: string | null;
  readonly lastReply: LastReply | null;
}

/** One message to one recipient: the unit that is queued, paced, attempted and reported. */
export interface Delivery extends Progress {
  readonly recipient: Address;
  readonly role: 'to' | 'cc' | 'bcc';
  /** The recipient's domain in A-label form (`xn--…`). */
  readonly domain: string;
  /** Opaque. The store gives the delivery a new version with each change. */
  readonly version: string;
}

/**
 * One compare-and-set on one delivery. The store applies `set` and appends `event` in one write,
 * and only while the delivery still has `version`.
 */
export interface Change {
  readonly message: MessageId;
  /** Index into `Message.deliveries`. */
  readonly delivery: number;
  /** The version of the delivery that the decision was made about. */
  readonly version: string;
  readonly set: Partial<Progress>;
  readonly event: NewEvent | null;
}

/** A delivery with the fields of its message that the rules read. */
export interface DeliveryView {
  readonly message: MessageId;
  readonly index: number;
  readonly delivery: Delivery;
  readonly copies: Copies;
  /**
   * When the age of the message begins, in milliseconds since 1970: the later of its acceptance and
   * its scheduled time, so that a message scheduled for next week is not old when it falls due.
   */
  readonly startsAt: number;
  readonly expiresAt: number | null;
}

const terminal: ReadonlySet<DeliveryState> = new Set<TerminalState>([
  'delivered',
  'bounced',
  'complained',
  'suppressed',
  'cancelled',
  'expired',
  'unknown',
  'dead',
]);
export const isTerminal = (state: DeliveryState): state is TerminalState => terminal.has(state);
const isWaiting = (state: DeliveryState): boolean =>
  state === 'queued' || state === 'deferred' || state === 'scheduled';
const holdsLease = (d: Delivery, leaseId: string): boolean =>
  d.state === 'sending' && d.lease !== null && d.lease.id === leaseId;

const change = (s: DeliveryView, set: Partial<Progress>, event: NewEvent | null = null): Change => ({
  message: s.message,
  delivery: s.index,
  version: s.delivery.version,
  set,
  event,
});

type EventData = NewEvent['data'];

/** Ends the delivery: clears lease, phase, hold and `wakeAt`. No later change applies. */
const end = (
  s: DeliveryView,
  state: Exclude<TerminalState, 'complained'>,
  data: EventData = {},
  more: Partial<Progress> = {},
): Change =>
  change(s, { ...more, state, phase: null, lease: null, hold: null, wakeAt: null }, { type: state, data });

/**
 * When the sweeper looks at a waiting delivery: at its due time, or at its expiry if the expiry is
 * earlier.
 */
const wake = (due: number, expiresAt: number | null): number =>
  expiresAt === null ? due : Math.min(due, expiresAt);

// --- accept

/**
 * The first state of a delivery, with its first event: `suppressed`, `scheduled` or `queued`.
 * `isPublished` says that the caller publishes an entry for the delivery; the sweeper then waits
 * `republishMs` for a claim before it publishes another.
 */
export function arrive(input: {
  readonly now: number;
  readonly scheduledAt: number | null;
  readonly expiresAt: number | null;
  readonly isSuppressed: boolean;
  readonly isPublished: boolean;
  readonly republishMs?: number;
}): { readonly progress: Progress; readonly event: NewEvent } {
  const state = input.isSuppressed
    ? 'suppressed'
    : input.scheduledAt !== null && input.scheduledAt > input.now
      ? 'scheduled'
      : 'queued';
  const due = state === 'scheduled' && input.scheduledAt !== null ? input.scheduledAt : input.now;
  const next =
    state === 'queued' && input.isPublished
      ? input.now + (input.republishMs ?? queueLimits.republishMs)
      : due;
  const progress: Progress = {
    state,
    phase: null,
    attempt: 1,
    tries: 0,
    due,
    wakeAt: state === 'suppressed' ? null : wake(next, input.expiresAt),
    lease: null,
    lapses: 0,
    maybeSent: false,
    cancelWanted: false,
    hold: null,
    takenUp: false,
    route: null,
    destination: null,
    source: null,
    lastReply: null,
  };
  return { progress, event: { type: state, data: {} } };
}

// --- claim

/**
 * Takes a delivery for one dispatcher: `queued` → `sending/streaming`, under a lease of `leaseMs`.
 * The first claim of a delivery adds the event `accepted`. Null, and the caller drops its entry, if
 * the delivery has left `queued`, is at another attempt, is not due or has expired.
 */
export function claim(
  s: DeliveryView,
  input: {
    readonly attempt: number;
    readonly now: number;
    readonly leaseId: string;
    readonly leaseMs?: number;
    readonly route: string;
  },
): Change | null {
  const d = s.delivery;
  if (d.state !== 'queued' || d.attempt !== input.attempt || d.due > input.now) return null;
  // The delivery expired after the plan was made. The sweeper wakes up at the expiry and ends it.
  if (s.expiresAt !== null && s.expiresAt <= input.now) return null;
  const until = input.now + (input.leaseMs ?? deliveryLimits.leaseMs);
  const set: Partial<Progress> = {
    state: 'sending',
    phase: 'streaming',
    lease: { id: input.leaseId, until },
    wakeAt: until,
    hold: null,
    takenUp: true,
    route: input.route,
  };
  return change(s, set, d.takenUp ? null : { type: 'accepted', data: { route: input.route } });
}

/**
 * Keeps a queued delivery in the store until `until`, so that waiting mail takes no room in the
 * queue. A hold adds no event and counts no attempt. Null if the delivery has left `queued`.
 */
export function hold(
  s: DeliveryView,
  reason: HoldReason,
  until: number,
  message: string | null = null,
): Change | null {
  if (s.delivery.state !== 'queued') return null;
  const due = dueAgain(s, until);
  return change(s, { due, wakeAt: wake(due, s.expiresAt), hold: holdOf(reason, message) });
}

/**
 * The due time of a delivery that waits again although it was due. If the store's clock went back
 * after the claim, the old due time is later: mail that waits again must not leave before its
 * scheduled time, or before the retry schedule allows, by the corrected clock.
 */
const dueAgain = ({ delivery }: DeliveryView, until: number): number => Math.max(until, delivery.due);

const holdOf = (reason: HoldReason, message: string | null): Hold =>
  message === null ? { reason } : { reason, message };

/**
 * Extends the lease to `now + leaseMs`. The dispatcher renews in both phases, as long as it lives.
 * Null if the lease is lost.
 */
export function renew(
  s: DeliveryView,
  leaseId: string,
  now: number,
  leaseMs: number = deliveryLimits.leaseMs,
): Change | null {
  if (!holdsLease(s.delivery, leaseId)) return null;
  const until = now + leaseMs;
  return change(s, { lease: { id: leaseId, until }, wakeAt: until });
}

// --- deliver

/**
 * Passes the fence: `streaming` → `committing`, stored before the final dot is sent. Null if the
 * lease is lost or the fence was passed before; the dispatcher then closes the connection without a
 * dot. The lease starts over, so that earlier failed renewals cannot end it after the dot: only a
 * fault between this record and the outcome can cause a second copy (P5).
 */
export function commit(
  s: DeliveryView,
  leaseId: string,
  now: number,
  leaseMs: number = deliveryLimits.leaseMs,
): Change | null {
  if (!holdsLease(s.delivery, leaseId) || s.delivery.phase !== 'streaming') return null;
  const until = now + leaseMs;
  return change(s, { phase: 'committing', lease: { id: leaseId, until }, wakeAt: until });
}

/**
 * Gives a delivery back: `sending/streaming` → `queued`, due at `due`, without counting an attempt.
 * Used for a local fault, a missing budget token, a route without room, and a shutdown. `tried`
 * says whether a connection was tried, which counts in `tries`. Null if the lease is lost or the
 * phase is `committing`: past the fence nothing is released.
 */
export function release(
  s: DeliveryView,
  leaseId: string,
  input: {
    readonly due: number;
    readonly reason: HoldReason | null;
    readonly tried: boolean;
    readonly lastReply?: LastReply;
    /** Why its route is paused; with reason `route` only. */
    readonly message?: string;
  },
): Change | null {
  if (!holdsLease(s.delivery, leaseId) || s.delivery.phase !== 'streaming') return null;
  return change(s, {
    state: 'queued',
    phase: null,
    lease: null,
    due: dueAgain(s, input.due),
    wakeAt: wake(dueAgain(s, input.due), s.expiresAt),
    hold: input.reason === null ? null : holdOf(input.reason, input.message ?? null),
    tries: s.delivery.tries + (input.tried ? 1 : 0),
    ...(input.lastReply === undefined ? {} : { lastReply: input.lastReply }),
  });
}

/**
 * Ends a delivery whose recipient was found suppressed after the claim. Nothing of this attempt has
 * left, so it ends `suppressed`, or `unknown` if an earlier attempt may have sent a copy. Null if
 * the lease is lost or the fence was passed.
 */
export function suppress(s: DeliveryView, leaseId: string): Change | null {
  if (!holdsLease(s.delivery, leaseId) || s.delivery.phase !== 'streaming') return null;
  return end(s, s.delivery.maybeSent ? 'unknown' : 'suppressed', { reason: 'suppressed' });
}

/**
 * What an attempt means for its delivery. `lost` means that the connection ended after the final
 * dot and before the reply: only the server knows whether it took the mail.
 */
export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'bounced' }
  /**
   * `spent` says whether the attempt counts; a refusal about us does not. The next attempt waits at
   * least `waitMs` milliseconds.
   */
  | { readonly kind: 'deferred'; readonly spent: boolean; readonly waitMs: number }
  | { readonly kind: 'lost' };

export interface Outcome {
  readonly verdict: Verdict;
  readonly reply: LastReply | null;
  /** Copied into the data of the event. */
  readonly data: EventData;
}

/**
 * The sender's waits between attempts, in milliseconds: `delaysMs[n - 1]` follows attempt n, so
 * there is one attempt more than there are waits. `random`, in [0, 1), lengthens a wait by up to
 * `deliveryLimits.retryJitter` of itself and never shortens it (P6).
 */
interface Schedule {
  readonly delaysMs: readonly number[];
  readonly random: number;
}

/**
 * Records the outcome of an attempt and its event in one change.
 * - `delivered` and `bounced` end the delivery.
 * - `deferred` retries it after the sender's schedule.
 * - `lost` retries it and sets `maybeSent`; with `at_most_once` it ends `unknown`.
 *
 * Null if the lease is lost: the delivery may be in another dispatcher's hands. A late 250 is
 * recorded nevertheless, as long as the delivery waits.
 */
export function record(
  s: DeliveryView,
  leaseId: string,
  outcome: Outcome,
  now: number,
  schedule: Schedule,
): Change | null {
  const d = s.delivery;
  const { verdict, reply } = outcome;
  const counted = verdict.kind !== 'deferred' || verdict.spent;
  const data: EventData = { attempt: d.attempt, counted, ...outcome.data };
  const seen: Partial<Progress> = { tries: d.tries + 1, lastReply: reply };
  if (!holdsLease(d, leaseId)) {
    // The lease is lost, but no other dispatcher has claimed the delivery: recording the 250
    // prevents a second copy.
    const isLate250 = verdict.kind === 'delivered' && (d.state === 'queued' || d.state === 'deferred');
    return isLate250 ? end(s, 'delivered', data, seen) : null;
  }
  switch (verdict.kind) {
    case 'delivered':
      return end(s, 'delivered', data, seen);
    case 'bounced':
      return end(s, 'bounced', data, seen);
    case 'deferred':
      return defer(
        s,
        { spent: verdict.spent, waitMs: verdict.waitMs, maybeSent: d.maybeSent },
        data,
        seen,
        now,
        schedule,
      );
    case 'lost':
      if (s.copies === 'at_most_once') return end(s, 'unknown', data, seen);
      return defer(s, { spent: true, waitMs: 0, maybeSent: true }, data, seen, now, schedule);
    default:
      return verdict satisfies never;
  }
}

function defer(
  s: DeliveryView,
  how: { readonly spent: boolean; readonly waitMs: number; readonly maybeSent: boolean },
  data: EventData,
  seen: Partial<Progress>,
  now: number,
  schedule: Schedule,
): Change {
  const d = s.delivery;
  const more: Partial<Progress> = { ...seen, maybeSent: how.maybeSent };
  if (d.cancelWanted && !how.maybeSent) return end(s, 'cancelled', data, more);
  const attempt = d.attempt + (how.spent ? 1 : 0);
  if (attempt > schedule.delaysMs.length + 1)
    return end(s, how.maybeSent ? 'unknown' : 'bounced', { ...data, reason: 'attempts_spent' }, more);
  const wait = Math.max(how.waitMs, how.spent ? (schedule.delaysMs[d.attempt - 1] ?? 0) : unspentWait(d));
  const due = now + Math.ceil(wait * (1 + deliveryLimits.retryJitter * schedule.random));
  return change(
    s,
    {
      ...more,
      state: 'deferred',
      phase: null,
      lease: null,
      hold: null,
      attempt,
      due,
      wakeAt: wake(due, s.expiresAt),
    },
    { type: 'deferred', data: { ...data, next_attempt_at: new Date(due).toISOString() } },
  );
}

/**
 * Refusals about us count no attempt, so the sender's schedule does not apply. They back off by
 * themselves: 30 s, doubled with each uncounted try, at most 16 min.
 */
const unspentWait = (d: Delivery): number =>
  deliveryLimits.refusalAboutUsMs * 2 ** Math.min(5, Math.max(0, d.tries - (d.attempt - 1)));

// --- sweep

/**
 * Ends a waiting delivery that is past `expires_at` or older than `maxAgeMs` (the sender's
 * `maxAge`): `expired` or `bounced`, or `unknown` if a copy may have been sent. Null if the
 * delivery is young enough, is being sent or has ended.
 */
export function endIfTooOld(s: DeliveryView, now: number, maxAgeMs: number): Change | null {
  if (!isWaiting(s.delivery.state)) return null;
  const isExpired = s.expiresAt !== null && now >= s.expiresAt;
  const isAged = now >= s.startsAt + maxAgeMs;
  if (!isExpired && !isAged) return null;
  if (s.delivery.maybeSent) return end(s, 'unknown', { reason: 'too_old' });
  return isExpired ? end(s, 'expired') : end(s, 'bounced', { reason: 'too_old' });
}

/**
 * Takes back a delivery whose lease ran out, because its dispatcher was killed, hangs or lost its
 * network: `sending` → `queued`, due after `delayMs`. Past the fence a copy may have been sent:
 * with `at_most_once` the delivery ends `unknown`, otherwise it is retried with `maybeSent`. The
 * fifth lapse ends the delivery: `dead`, or `unknown` if a copy may have been sent. Null while the
 * lease is valid.
 */
export function lapse(
  s: DeliveryView,
  now: number,
  delayMs: number = deliveryLimits.lapseDelayMs,
): Change | null {
  const d = s.delivery;
  if (d.state !== 'sending' || d.lease === null || d.lease.until > now) return null;
  return takeBack(s, now, delayMs);
}

/**
 * Takes back a delivery at the start of a program whose store belongs to one process: the previous
 * process has ended, so its leases are over, whatever their times say. The change is the change of
 * `lapse`, and the lapse counts. The delivery is due at once, since the end of a process is seldom
 * the fault of its mail. Null if the delivery is not being sent.
 *
 * From the third lapse on the delivery waits `delayMs`. A process that crashes and starts again
 * every second would otherwise need five seconds to end, as `dead`, all mail that it has in hand.
 */
export function lapseAtStart(
  s: DeliveryView,
  now: number,
  delayMs: number = deliveryLimits.lapseDelayMs,
): Change | null {
  if (s.delivery.state !== 'sending') return null;
  return takeBack(s, now, s.delivery.lapses < deliveryLimits.lapsesWithoutDelayMax ? 0 : delayMs);
}

function takeBack(s: DeliveryView, now: number, delayMs: number): Change {
  const d = s.delivery;
  const wasCommitting = d.phase === 'committing';
  const lapses = d.lapses + 1;
  const seen: Partial<Progress> = { lapses, tries: d.tries + 1 };
  if (wasCommitting && s.copies === 'at_most_once') return end(s, 'unknown', { reason: 'lease_over' }, seen);
  const maybeSent = d.maybeSent || wasCommitting;
  if (lapses >= deliveryLimits.lapsesMax)
    return end(s, maybeSent ? 'unknown' : 'dead', { reason: 'lapses' }, { ...seen, maybeSent });
  const due = now + delayMs;
  return change(s, {
    ...seen,
    maybeSent,
    state: 'queued',
    phase: null,
    lease: null,
    due,
    wakeAt: wake(due, s.expiresAt),
  });
}

/**
 * Queues a delivery whose time has come: `scheduled` or `deferred` → `queued`. Only a scheduled one
 * gets an event, since a deferral names its next attempt already. `wakeAt` stays at the due time,
 * so the delivery counts as unpublished until `published` moves it.
 */
export function fallDue(s: DeliveryView, now: number): Change | null {
  const d = s.delivery;
  if ((d.state !== 'scheduled' && d.state !== 'deferred') || d.due > now) return null;
  return change(
    s,
    { state: 'queued', wakeAt: wake(d.due, s.expiresAt) },
    d.state === 'scheduled' ? { type: 'queued', data: {} } : null,
  );
}

/**
 * Records that an entry went to the queue. The sweeper looks again after `republishMs`, in case the
 * entry was lost before a claim. Null if the delivery has left `queued`.
 */
export function published(
  s: DeliveryView,
  now: number,
  republishMs: number = queueLimits.republishMs,
): Change | null {
  if (s.delivery.state !== 'queued') return null;
  return change(s, { wakeAt: wake(now + republishMs, s.expiresAt) });
}

/**
 * Records that the queue lost the entry: the delivery joins its backlog at its due time. For the
 * start of a program whose queue was in the memory of the previous process. Null if the delivery
 * has left `queued`, is held, or is in its backlog already.
 */
export function entryLost(s: DeliveryView, now: number): Change | null {
  const { state, due, wakeAt } = s.delivery;
  if (state !== 'queued' || wakeAt === null || wakeAt <= due || wakeAt <= now) return null;
  return change(s, { wakeAt: due });
}

/**
 * Records that the window was full and no entry went to the queue. The delivery joins the backlog,
 * which the sweeper feeds oldest first. Null if the delivery has left `queued`.
 */
export function notPublished(s: DeliveryView, now: number): Change | null {
  if (s.delivery.state !== 'queued') return null;
  return change(s, { wakeAt: Math.min(now, s.delivery.wakeAt ?? now) });
}

// --- cancel

/**
 * - `cancelled`: the delivery waited and has ended; no byte leaves any more.
 * - `in_flight`: a copy is being sent or may have been sent. The wish is recorded, and a deferred
 *   attempt honours it.
 * - `ended`: the delivery was in a terminal state already, and no further copy leaves.
 * - `ended_in_doubt`: the delivery has ended, but a dispatcher that lost its lease past the fence may
 *   still send a copy. A frozen dispatcher sends its final dot when it continues, at any later time.
 */
type Cancelling =
  | { readonly kind: 'cancelled' | 'in_flight'; readonly change: Change }
  | { readonly kind: 'in_flight' | 'ended' | 'ended_in_doubt'; readonly change: null };

export function cancel(s: DeliveryView): Cancelling {
  const d = s.delivery;
  if (isTerminal(d.state)) {
    const isInDoubt = d.state === 'unknown' || d.maybeSent;
    return { kind: isInDoubt ? 'ended_in_doubt' : 'ended', change: null };
  }
  if (isWaiting(d.state) && !d.maybeSent) return { kind: 'cancelled', change: end(s, 'cancelled') };
  if (d.cancelWanted) return { kind: 'in_flight', change: null };
  return { kind: 'in_flight', change: change(s, { cancelWanted: true }) };
}
