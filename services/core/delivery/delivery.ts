// The states of a delivery and every rule that moves it: the deciding half of claiming, delivering,
// sweeping and cancelling. Each function reads a delivery as the store gave it and answers the
// change to make, or null when there is none. Nothing here writes: a change is carried out by
// `MessageStore.apply`, which compares `version`, so a decision about an outdated delivery changes
// nothing. The rules are those of the state machine that was checked by visiting every reachable
// state (docs/decisions/0003); change that model first.
//
//   scheduled ─due─▶ queued ─claim─▶ sending/streaming ─commit─▶ sending/committing ─record─▶ delivered | bounced | unknown
//                      ▲  ▲               │ release, lapse              │ lapse                  │
//                      │  └───────────────┴─────────────────────────────┘                        │ 4xx
//                      └───────────────────────── due ── deferred ◀──────────────────────────────┘
//
// `maybeSent`: it once left `committing` without an answer, so a copy may have been taken. It is
// never cancelled, and when it runs out of attempts or lapses it ends `unknown`.

import type { Address } from '../address.ts';
import type { Copies } from '../catalog/catalog.ts';
import type { MessageId } from '../ids.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { queueLimits } from '../limits/queue.ts';
import type { NewEvent } from './event.ts';

export type TerminalState =
  | 'delivered'
  | 'bounced'
  | 'complained'
  | 'suppressed'
  | 'cancelled'
  | 'expired'
  | 'unknown'
  | 'dead';
export type DeliveryState = 'scheduled' | 'queued' | 'sending' | 'deferred' | TerminalState;

/** Why a queued delivery waits although its time has come. */
export type HoldReason = 'budget' | 'suspended' | 'unverified' | 'route';

export interface Hold {
  readonly reason: HoldReason;
  /**
   * Why its routes are paused: at most `deliveryLimits.replyCharsMax` characters, without words of a
   * server.
   */
  readonly message?: string;
}

/**
 * What an attempt met: the record of one try. Shown by the API; the reply is the other server's
 * text, cut.
 */
export interface LastReply {
  readonly stage: string;
  readonly code: number | null;
  /** RFC 3463, for example `5.1.1`. */
  readonly enhanced: string | null;
  /** At most 500 characters. */
  readonly text: string;
}

/**
 * The part of a delivery that changes. All times are milliseconds since 1970 by the store's clock.
 */
export interface Progress {
  readonly state: DeliveryState;
  /** While sending: before `committing` it is always safe to try again. */
  readonly phase: 'streaming' | 'committing' | null;
  /** Number of the current or next counted attempt, from 1. */
  readonly attempt: number;
  /** All tries, counted or not. */
  readonly tries: number;
  /** Not to be claimed before. */
  readonly due: number;
  /** When the sweeper must look at it if nothing else happens; null once it has ended. */
  readonly wakeAt: number | null;
  readonly lease: { readonly id: string; readonly until: number } | null;
  /** Leases that ran out: the fifth ends it, for its message may be what kills dispatchers. */
  readonly lapses: number;
  readonly maybeSent: boolean;
  /** A client asked to cancel while it was being sent (409); honoured if it defers. */
  readonly cancelWanted: boolean;
  readonly hold: Hold | null;
  /** The first claim was reported as event `accepted`. */
  readonly takenUp: boolean;
  readonly route: string | null;
  /** The receiving provider, null until known. */
  readonly destination: string | null;
  /** The local address that mail left from, null until known. */
  readonly source: string | null;
  readonly lastReply: LastReply | null;
}

/** One message to one recipient. */
export interface Delivery extends Progress {
  readonly recipient: Address;
  readonly role: 'to' | 'cc' | 'bcc';
  /** The recipient's domain as A-label. */
  readonly domain: string;
  /** Opaque; the store gives a new one with each change. */
  readonly version: string;
}

/** One compare-and-set on one delivery, with its event, if it has one. */
export interface Change {
  readonly message: MessageId;
  /** Index into `Message.deliveries`. */
  readonly delivery: number;
  /** The version that the decision was made about. */
  readonly version: string;
  readonly set: Partial<Progress>;
  readonly event: NewEvent | null;
}

/** A delivery together with what of its message the rules ask for. */
export interface DeliveryView {
  readonly message: MessageId;
  readonly index: number;
  readonly delivery: Delivery;
  readonly copies: Copies;
  /** From when its age counts: a message scheduled for next week is not old when its day comes. */
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
const isMine = (d: Delivery, leaseId: string): boolean =>
  d.state === 'sending' && d.lease !== null && d.lease.id === leaseId;

const change = (s: DeliveryView, set: Partial<Progress>, event: NewEvent | null = null): Change => ({
  message: s.message,
  delivery: s.index,
  version: s.delivery.version,
  set,
  event,
});

type EventData = NewEvent['data'];

/** The end of a delivery: nothing changes it any more. */
const end = (
  s: DeliveryView,
  state: Exclude<TerminalState, 'complained'>,
  data: EventData = {},
  more: Partial<Progress> = {},
): Change =>
  change(s, { ...more, state, phase: null, lease: null, hold: null, wakeAt: null }, { type: state, data });

/**
 * The sweeper looks at a waiting delivery when it is due, or when it is too old, whichever is
 * earlier.
 */
const wake = (due: number, expiresAt: number | null): number =>
  expiresAt === null ? due : Math.min(due, expiresAt);

// --- accept

/**
 * How a delivery starts, and its first event. `published`: an entry goes to the queue, so the
 * sweeper need not look for a while.
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
 * `queued, attempt n, due past` → `sending/streaming` with a lease. Null: the entry is outdated,
 * repeated, or about held mail; drop it.
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
  // it expired since the plan was made; the sweeper, which looks at it about now, ends it
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

/** What cannot go now waits in the store, not in the queue: no event, nothing spent. */
export function hold(
  s: DeliveryView,
  reason: HoldReason,
  due: number,
  message: string | null = null,
): Change | null {
  if (s.delivery.state !== 'queued') return null;
  return change(s, { due, wakeAt: wake(due, s.expiresAt), hold: holdOf(reason, message) });
}

const holdOf = (reason: HoldReason, message: string | null): Hold =>
  message === null ? { reason } : { reason, message };

/** The lease goes on while the dispatcher lives. Null: it was lost. */
export function renew(
  s: DeliveryView,
  leaseId: string,
  now: number,
  leaseMs: number = deliveryLimits.leaseMs,
): Change | null {
  if (!isMine(s.delivery, leaseId)) return null;
  const until = now + leaseMs;
  return change(s, { lease: { id: leaseId, until }, wakeAt: until });
}

// --- deliver

/**
 * `streaming → committing`: the fence before the final dot. Null: the lease was lost; close without
 * a dot. The lease begins anew, so that renewals that failed before cannot end it afterwards: it
 * takes a fault between this record and the outcome (P5).
 */
export function commit(
  s: DeliveryView,
  leaseId: string,
  now: number,
  leaseMs: number = deliveryLimits.leaseMs,
): Change | null {
  if (!isMine(s.delivery, leaseId) || s.delivery.phase !== 'streaming') return null;
  const until = now + leaseMs;
  return change(s, { phase: 'committing', lease: { id: leaseId, until }, wakeAt: until });
}

/**
 * Back to `queued`, nothing counted: a local fault, a wait for budget, a shutdown. Only ever from
 * `streaming`.
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
  if (!isMine(s.delivery, leaseId) || s.delivery.phase !== 'streaming') return null;
  return change(s, {
    state: 'queued',
    phase: null,
    lease: null,
    due: input.due,
    wakeAt: wake(input.due, s.expiresAt),
    hold: input.reason === null ? null : holdOf(input.reason, input.message ?? null),
    tries: s.delivery.tries + (input.tried ? 1 : 0),
    ...(input.lastReply === undefined ? {} : { lastReply: input.lastReply }),
  });
}

/** The recipient turned out to be suppressed after the claim: no byte was sent in this attempt. */
export function suppress(s: DeliveryView, leaseId: string): Change | null {
  if (!isMine(s.delivery, leaseId) || s.delivery.phase !== 'streaming') return null;
  return end(s, s.delivery.maybeSent ? 'unknown' : 'suppressed', { reason: 'suppressed' });
}

/**
 * What an attempt came to. `lost`: the connection ended after the final dot and before an answer.
 */
export type Verdict =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'bounced' }
  /** `spent: false`: a refusal about us, which counts no attempt; `waitMs` is the least wait. */
  | { readonly kind: 'deferred'; readonly spent: boolean; readonly waitMs: number }
  | { readonly kind: 'lost' };

export interface Outcome {
  readonly verdict: Verdict;
  readonly reply: LastReply | null;
  /** Goes into the event as it is. */
  readonly data: EventData;
}

/**
 * Waits between attempts, in milliseconds; `random` in [0, 1) spreads them by up to
 * `deliveryLimits.retryJitter`, never early (P6).
 */
export interface Schedule {
  readonly delaysMs: readonly number[];
  readonly random: number;
}

/**
 * The outcome and its event, in one change. Null: the lease was lost and somebody else has gone on.
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
  if (!isMine(d, leaseId)) {
    // the lease was lost, but nobody is sending now: recording the 250 spares a second copy
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
 * Refusals about us count no attempt, so they need a back-off of their own: 30 s, doubled each
 * time, at most 16 min.
 */
const unspentWait = (d: Delivery): number =>
  deliveryLimits.refusalAboutUsMs * 2 ** Math.min(5, Math.max(0, d.tries - (d.attempt - 1)));

// --- sweep

/**
 * Past `expires_at` or the sender's `maxAge`, and not being sent: it ends. Null: it is young
 * enough.
 */
export function endIfTooOld(s: DeliveryView, now: number, maxAgeMs: number): Change | null {
  if (!isWaiting(s.delivery.state)) return null;
  const isExpired = s.expiresAt !== null && now >= s.expiresAt;
  const isAged = now >= s.startsAt + maxAgeMs;
  if (!isExpired && !isAged) return null;
  if (s.delivery.maybeSent) return end(s, 'unknown', { reason: 'too_old' });
  return isExpired ? end(s, 'expired') : end(s, 'bounced', { reason: 'too_old' });
}

/** A lease that ran out: its dispatcher is dead, frozen or cut off. */
export function lapse(
  s: DeliveryView,
  now: number,
  delayMs: number = deliveryLimits.lapseDelayMs,
): Change | null {
  const d = s.delivery;
  if (d.state !== 'sending' || d.lease === null || d.lease.until > now) return null;
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
 * `scheduled` or `deferred`, and due: to the queue. It counts as unpublished until `published` says
 * otherwise.
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

/** An entry went to the queue: the sweeper looks again when nobody claimed it. */
export function published(
  s: DeliveryView,
  now: number,
  republishMs: number = queueLimits.republishMs,
): Change | null {
  if (s.delivery.state !== 'queued') return null;
  return change(s, { wakeAt: wake(now + republishMs, s.expiresAt) });
}

/**
 * The window was full: no entry went to the queue after all, so the sweeper feeds it in its turn.
 */
export function notPublished(s: DeliveryView, now: number): Change | null {
  if (s.delivery.state !== 'queued') return null;
  return change(s, { wakeAt: Math.min(now, s.delivery.wakeAt ?? now) });
}

// --- cancel

/**
 * `cancelled`: no byte leaves from now on. `in_flight`: one may; the wish is kept. `ended`: too
 * late.
 */
export type Cancelling =
  | { readonly kind: 'cancelled' | 'in_flight'; readonly change: Change }
  | { readonly kind: 'in_flight' | 'ended'; readonly change: null };

export function cancel(s: DeliveryView): Cancelling {
  const d = s.delivery;
  if (isTerminal(d.state)) return { kind: 'ended', change: null };
  if (isWaiting(d.state) && !d.maybeSent) return { kind: 'cancelled', change: end(s, 'cancelled') };
  if (d.cancelWanted) return { kind: 'in_flight', change: null };
  return { kind: 'in_flight', change: change(s, { cancelWanted: true }) };
}
