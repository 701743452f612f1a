import { describe, expect, it } from 'vitest';
import type { Address } from '../address.ts';
import type { Copies } from '../catalog/catalog.ts';
import type { MessageId } from '../ids.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { queueLimits } from '../limits/queue.ts';
import {
  arrive,
  type Change,
  cancel,
  claim,
  commit,
  type Delivery,
  type DeliveryState,
  type DeliveryView,
  endIfTooOld,
  entryLost,
  fallDue,
  hold,
  isTerminal,
  lapse,
  lapseAtStart,
  notPublished,
  type Outcome,
  type Progress,
  published,
  record,
  release,
  renew,
  suppress,
  type Verdict,
} from './delivery.ts';

const NOW = 1_000_000;
const MINUTE = 60_000;
const DELAYS = [30_000, 300_000];

const states: readonly DeliveryState[] = [
  ...(['scheduled', 'queued', 'sending', 'deferred'] as const),
  ...([
    'delivered',
    'bounced',
    'complained',
    'suppressed',
    'cancelled',
    'expired',
    'unknown',
    'dead',
  ] as const),
];
const waiting: readonly DeliveryState[] = ['scheduled', 'queued', 'deferred'];
const othersThan = (...known: DeliveryState[]): DeliveryState[] =>
  states.filter((state) => !known.includes(state));

type Around = { readonly copies?: Copies; readonly expiresAt?: number | null; readonly startsAt?: number };

/** A delivery that is queued unless `progress` says otherwise. */
function viewWith(progress: Partial<Progress> = {}, around: Around = {}): DeliveryView {
  const arrived = arrive({
    now: NOW,
    scheduledAt: null,
    expiresAt: null,
    isSuppressed: false,
    isPublished: true,
  });
  const delivery: Delivery = {
    ...arrived.progress,
    ...progress,
    recipient: 'ana@example.com' as Address,
    role: 'to',
    domain: 'example.com',
    version: 'v1',
  };
  return {
    message: 'msg_1' as MessageId,
    index: 2,
    delivery,
    copies: 'at_least_once',
    startsAt: NOW,
    expiresAt: null,
    ...around,
  };
}

const LEASE = { id: 'mine', until: NOW + MINUTE };
const streaming: Partial<Progress> = {
  state: 'sending',
  phase: 'streaming',
  lease: LEASE,
  wakeAt: LEASE.until,
  takenUp: true,
};
const committing: Partial<Progress> = { ...streaming, phase: 'committing' };
const ended = { phase: null, lease: null, hold: null, wakeAt: null };

describe('an accepted delivery', () => {
  const input = { now: NOW, scheduledAt: null, expiresAt: null, isSuppressed: false, isPublished: true };

  it.each([
    [
      'is queued, and the sweeper looks after a minute when the entry was published',
      {},
      'queued',
      NOW,
      NOW + queueLimits.republishMs,
    ],
    [
      'is queued, and the sweeper looks after the given time',
      { republishMs: 5_000 },
      'queued',
      NOW,
      NOW + 5_000,
    ],
    [
      'is queued, and the sweeper looks at once when no entry was published',
      { isPublished: false },
      'queued',
      NOW,
      NOW,
    ],
    [
      'is queued, and the sweeper looks at the expiry if that is earlier',
      { expiresAt: NOW + 10 },
      'queued',
      NOW,
      NOW + 10,
    ],
    [
      'is scheduled, and the sweeper looks at the scheduled time',
      { scheduledAt: NOW + 1 },
      'scheduled',
      NOW + 1,
      NOW + 1,
    ],
    [
      'is queued when it is scheduled for now',
      { scheduledAt: NOW },
      'queued',
      NOW,
      NOW + queueLimits.republishMs,
    ],
    [
      'is queued when it is scheduled for the past',
      { scheduledAt: NOW - 1 },
      'queued',
      NOW,
      NOW + queueLimits.republishMs,
    ],
    ['is suppressed, and the sweeper never looks', { isSuppressed: true }, 'suppressed', NOW, null],
    [
      'is suppressed rather than scheduled',
      { isSuppressed: true, scheduledAt: NOW + 1 },
      'suppressed',
      NOW,
      null,
    ],
  ] as const)('%s', (_, more, state, due, wakeAt) => {
    const { progress, event } = arrive({ ...input, ...more });
    expect(progress).toMatchObject({
      state,
      due,
      wakeAt,
      attempt: 1,
      tries: 0,
      lapses: 0,
      lease: null,
      maybeSent: false,
      takenUp: false,
    });
    expect(event).toEqual({ type: state, data: {} });
  });
});

describe('a claim', () => {
  const input = { attempt: 1, now: NOW, leaseId: 'mine', route: 'first' };

  it('takes a due delivery under a lease and records the event `accepted`', () => {
    expect(claim(viewWith({ hold: { reason: 'budget' } }), input)).toEqual({
      message: 'msg_1',
      delivery: 2,
      version: 'v1',
      set: {
        state: 'sending',
        phase: 'streaming',
        lease: { id: 'mine', until: NOW + deliveryLimits.leaseMs },
        wakeAt: NOW + deliveryLimits.leaseMs,
        hold: null,
        takenUp: true,
        route: 'first',
      },
      event: { type: 'accepted', data: { route: 'first' } },
    });
  });

  it('adds no event the second time', () => {
    expect(claim(viewWith({ takenUp: true }), input)?.event).toBeNull();
  });

  it('holds a lease of the given length', () => {
    expect(claim(viewWith(), { ...input, leaseMs: 6_000 })?.set.wakeAt).toBe(NOW + 6_000);
  });

  const refused: readonly (readonly [string, DeliveryView])[] = [
    ['of another attempt', viewWith({ attempt: 2 })],
    ['before the due time', viewWith({ due: NOW + 1 })],
    ['past its expiry', viewWith({}, { expiresAt: NOW })],
    ...othersThan('queued').map((state) => [`of a delivery that is ${state}`, viewWith({ state })] as const),
  ];
  it.each(refused)('%s is refused', (_, s) => {
    expect(claim(s, input)).toBeNull();
  });

  it('one millisecond before the expiry succeeds', () => {
    expect(claim(viewWith({}, { expiresAt: NOW + 1 }), input)).not.toBeNull();
  });
});

describe('a hold', () => {
  it('keeps a delivery in the store until its due time, without an event', () => {
    const { set, event } = made(hold(viewWith(), 'budget', NOW + 500));
    expect(set).toEqual({ due: NOW + 500, wakeAt: NOW + 500, hold: { reason: 'budget' } });
    expect(event).toBeNull();
  });

  it('wakes the sweeper at the expiry if the expiry is earlier', () => {
    expect(made(hold(viewWith({}, { expiresAt: NOW + 100 }), 'route', NOW + 500)).set.wakeAt).toBe(NOW + 100);
  });

  it.each(othersThan('queued'))('of a delivery that is %s is refused', (state) => {
    expect(hold(viewWith({ state }), 'budget', NOW)).toBeNull();
  });
});

describe('after a step back of the store’s clock', () => {
  const later = NOW + 10 * MINUTE;

  it.each<[string, Change | null]>([
    ['hold', hold(viewWith({ due: later }), 'route', NOW + 500)],
    [
      'release',
      release(viewWith({ ...streaming, due: later }), 'mine', { due: NOW, reason: null, tried: true }),
    ],
  ])('a %s leaves the delivery due at its time', (_, change) => {
    expect(made(change).set).toMatchObject({ due: later, wakeAt: later });
  });
});

describe('a lease', () => {
  const others = viewWith({ ...streaming, lease: { id: 'another', until: NOW } });
  const lost: readonly (readonly [string, DeliveryView])[] = [
    ['of another dispatcher', others],
    ['that lapsed', viewWith({ state: 'queued' })],
    ['of a delivery that has ended', viewWith({ state: 'delivered' })],
  ];

  it.each([
    ['streaming', streaming],
    ['committing', committing],
  ])('is renewed while %s', (_, progress) => {
    expect(made(renew(viewWith(progress), 'mine', NOW + 5)).set).toEqual({
      lease: { id: 'mine', until: NOW + 5 + deliveryLimits.leaseMs },
      wakeAt: NOW + 5 + deliveryLimits.leaseMs,
    });
  });

  it.each(lost)('%s is not renewed', (_, s) => expect(renew(s, 'mine', NOW)).toBeNull());
  it.each(lost)('%s does not pass the fence', (_, s) => expect(commit(s, 'mine', NOW)).toBeNull());
  it.each(lost)('%s cannot be released', (_, s) =>
    expect(release(s, 'mine', { due: NOW, reason: null, tried: true })).toBeNull(),
  );
  it.each(lost)('%s suppresses nothing', (_, s) => expect(suppress(s, 'mine')).toBeNull());

  it('starts over when `committing` is recorded', () => {
    expect(made(commit(viewWith(streaming), 'mine', NOW + 5)).set).toEqual({
      phase: 'committing',
      lease: { id: 'mine', until: NOW + 5 + deliveryLimits.leaseMs },
      wakeAt: NOW + 5 + deliveryLimits.leaseMs,
    });
  });

  it('passes the fence once', () => {
    expect(commit(viewWith(committing), 'mine', NOW)).toBeNull();
  });
});

describe('a release', () => {
  const how = { due: NOW + 500, reason: 'route', tried: true } as const;

  it('returns the delivery to the queue and counts no attempt', () => {
    const { set, event } = made(release(viewWith({ ...streaming, attempt: 3, lapses: 2 }), 'mine', how));
    expect(set).toEqual({
      state: 'queued',
      phase: null,
      lease: null,
      due: NOW + 500,
      wakeAt: NOW + 500,
      hold: { reason: 'route' },
      tries: 1,
    });
    expect(event).toBeNull();
  });

  it('without a try leaves `tries` unchanged and sets no hold', () => {
    const { set } = made(release(viewWith(streaming), 'mine', { due: NOW, reason: null, tried: false }));
    expect(set).toMatchObject({ tries: 0, hold: null });
  });

  it('records the reply', () => {
    const lastReply = { stage: 'dial', code: null, enhanced: null, text: 'no route' };
    expect(made(release(viewWith(streaming), 'mine', { ...how, lastReply })).set.lastReply).toEqual(
      lastReply,
    );
  });

  it('is refused in `committing`', () => {
    expect(release(viewWith(committing), 'mine', how)).toBeNull();
  });
});

describe('a recipient found suppressed after the claim', () => {
  it('ends the delivery', () => {
    const { set, event } = made(suppress(viewWith(streaming), 'mine'));
    expect(set).toEqual({ ...ended, state: 'suppressed' });
    expect(event).toEqual({ type: 'suppressed', data: { reason: 'suppressed' } });
  });

  it('ends the delivery `unknown` if a copy may have been sent', () => {
    expect(made(suppress(viewWith({ ...streaming, maybeSent: true }), 'mine')).set.state).toBe('unknown');
  });

  it('is refused past the fence', () => {
    expect(suppress(viewWith(committing), 'mine')).toBeNull();
  });
});

describe('an outcome', () => {
  const reply = { stage: 'dot', code: 250, enhanced: null, text: 'ok' };
  const schedule = { delaysMs: DELAYS, random: 0 };
  const outcome = (verdict: Verdict): Outcome => ({ verdict, reply, data: { category: 'x' } });
  const recorded = (s: DeliveryView, verdict: Verdict, random = 0): Change | null =>
    record(s, 'mine', outcome(verdict), NOW, { ...schedule, random });
  const deferred: Verdict = { kind: 'deferred', spent: true, waitMs: 0 };
  const aboutUs: Verdict = { kind: 'deferred', spent: false, waitMs: 30_000 };
  const lost: Verdict = { kind: 'lost' };

  it.each(['delivered', 'bounced'] as const)(
    'of kind %s ends the delivery, and its data become the event',
    (kind) => {
      const { set, event } = made(recorded(viewWith({ ...committing, attempt: 2, tries: 4 }), { kind }));
      expect(set).toEqual({ ...ended, state: kind, tries: 5, lastReply: reply });
      expect(event).toEqual({ type: kind, data: { attempt: 2, counted: true, category: 'x' } });
    },
  );

  it('deferred schedules the next attempt', () => {
    const { set, event } = made(recorded(viewWith(committing), deferred));
    const due = NOW + 30_000;
    expect(set).toMatchObject({
      state: 'deferred',
      phase: null,
      lease: null,
      attempt: 2,
      tries: 1,
      due,
      wakeAt: due,
      maybeSent: false,
    });
    expect(event?.data).toEqual({
      attempt: 1,
      counted: true,
      category: 'x',
      next_attempt_at: new Date(due).toISOString(),
    });
  });

  it.each([
    [0, 30_000],
    [0.5, 31_500],
    [0.999_999, 33_000],
  ])('deferred waits at least the delay and at most a tenth more (random %d)', (random, wait) => {
    expect(made(recorded(viewWith(committing), deferred, random)).set.due).toBe(NOW + wait);
  });

  it('deferred waits the delay of its attempt', () => {
    expect(made(recorded(viewWith({ ...committing, attempt: 2 }), deferred)).set).toMatchObject({
      attempt: 3,
      due: NOW + 300_000,
    });
  });

  it('deferred wakes the sweeper at the expiry if the expiry is earlier', () => {
    expect(made(recorded(viewWith(committing, { expiresAt: NOW + 7 }), deferred)).set).toMatchObject({
      due: NOW + 30_000,
      wakeAt: NOW + 7,
    });
  });

  it('deferred on the last attempt bounces', () => {
    const { set, event } = made(recorded(viewWith({ ...committing, attempt: 3 }), deferred));
    expect(set).toMatchObject({ ...ended, state: 'bounced' });
    expect(event).toMatchObject({ type: 'bounced', data: { attempt: 3, reason: 'attempts_spent' } });
  });

  it('deferred on the last attempt ends `unknown` if a copy may have been sent', () => {
    expect(made(recorded(viewWith({ ...committing, attempt: 3, maybeSent: true }), deferred)).set.state).toBe(
      'unknown',
    );
  });

  it('about us counts no attempt, not even the last', () => {
    const { set, event } = made(recorded(viewWith({ ...streaming, attempt: 3, tries: 2 }), aboutUs));
    expect(set).toMatchObject({ state: 'deferred', attempt: 3, tries: 3, due: NOW + 30_000 });
    expect(event?.data.counted).toBe(false);
  });

  it.each([
    [0, 30_000],
    [1, 60_000],
    [4, 480_000],
    [5, 960_000],
    [50, 960_000],
  ])('about us after %i uncounted tries waits %i ms', (uncounted, wait) => {
    expect(
      made(recorded(viewWith({ ...streaming, attempt: 2, tries: 1 + uncounted }), aboutUs)).set.due,
    ).toBe(NOW + wait);
  });

  it('deferred cancels the delivery if a client asked for that', () => {
    const { set, event } = made(recorded(viewWith({ ...committing, cancelWanted: true }), deferred));
    expect(set).toMatchObject({ ...ended, state: 'cancelled' });
    expect(event).toMatchObject({ type: 'cancelled', data: { attempt: 1 } });
  });

  it.each([
    [
      'a copy may have been sent before',
      viewWith({ ...committing, cancelWanted: true, maybeSent: true }),
      deferred,
    ],
    ['this attempt may have sent a copy', viewWith({ ...committing, cancelWanted: true }), lost],
  ])('deferred ignores the request to cancel if %s', (_, s, verdict) => {
    expect(made(recorded(s, verdict)).set.state).toBe('deferred');
  });

  it('lost retries the delivery and sets `maybeSent`', () => {
    expect(made(recorded(viewWith(committing), lost)).set).toMatchObject({
      state: 'deferred',
      attempt: 2,
      maybeSent: true,
    });
  });

  it('lost on the last attempt ends `unknown`', () => {
    expect(made(recorded(viewWith({ ...committing, attempt: 3 }), lost)).set).toMatchObject({
      state: 'unknown',
      maybeSent: true,
    });
  });

  it('lost with at_most_once ends `unknown`', () => {
    expect(made(recorded(viewWith(committing, { copies: 'at_most_once' }), lost)).set).toMatchObject({
      ...ended,
      state: 'unknown',
    });
  });

  it.each(['queued', 'deferred'] as const)(
    'delivered without the lease is recorded while the delivery is %s',
    (state) => {
      expect(made(recorded(viewWith({ state }), { kind: 'delivered' })).set.state).toBe('delivered');
    },
  );

  it.each(othersThan('queued', 'deferred'))(
    'delivered without the lease is dropped when the delivery is %s',
    (state) => {
      expect(
        recorded(viewWith({ state, lease: state === 'sending' ? { id: 'another', until: NOW } : null }), {
          kind: 'delivered',
        }),
      ).toBeNull();
    },
  );

  it.each([deferred, aboutUs, lost, { kind: 'bounced' } as const])(
    '%o without the lease is dropped',
    (verdict) => {
      for (const state of states) expect(recorded(viewWith({ state }), verdict)).toBeNull();
    },
  );
});

describe('age', () => {
  const DAY = 86_400_000;

  it.each(waiting)('ends a delivery that is %s past its expiry', (state) => {
    expect(made(endIfTooOld(viewWith({ state }, { expiresAt: NOW }), NOW, DAY))).toMatchObject({
      set: { ...ended, state: 'expired' },
      event: { type: 'expired' },
    });
  });

  it.each(waiting)('bounces a delivery that is %s past the sender’s maxAge', (state) => {
    const { set, event } = made(endIfTooOld(viewWith({ state }, { startsAt: NOW - DAY }), NOW, DAY));
    expect(set).toEqual({ ...ended, state: 'bounced' });
    expect(event?.data).toEqual({ reason: 'too_old' });
  });

  it.each([
    ['its expiry', { expiresAt: NOW }],
    ['the sender’s maxAge', { startsAt: NOW - DAY }],
  ])('past %s ends a delivery `unknown` if a copy may have been sent', (_, around) => {
    expect(made(endIfTooOld(viewWith({ maybeSent: true }, around), NOW, DAY)).set.state).toBe('unknown');
  });

  it('leaves a young delivery alone', () => {
    expect(endIfTooOld(viewWith({}, { expiresAt: NOW + 1, startsAt: NOW - DAY + 1 }), NOW, DAY)).toBeNull();
  });

  it.each(othersThan(...waiting))('leaves a delivery that is %s alone', (state) => {
    expect(endIfTooOld(viewWith({ state }, { expiresAt: 0 }), NOW, 0)).toBeNull();
  });
});

describe('a lapsed lease', () => {
  const later = LEASE.until;

  it('queues the delivery for later, counts the lapse and adds no event', () => {
    const { set, event } = made(lapse(viewWith(streaming), later));
    const due = later + deliveryLimits.lapseDelayMs;
    expect(set).toEqual({
      state: 'queued',
      phase: null,
      lease: null,
      lapses: 1,
      tries: 1,
      maybeSent: false,
      due,
      wakeAt: due,
    });
    expect(event).toBeNull();
  });

  it('queues the delivery after the given delay', () => {
    expect(made(lapse(viewWith(streaming), later, 0)).set.due).toBe(later);
  });

  it('past the fence sets `maybeSent`', () => {
    expect(made(lapse(viewWith(committing), later)).set).toMatchObject({ state: 'queued', maybeSent: true });
  });

  it('with at_most_once ends the delivery `unknown` past the fence, and retries it before', () => {
    expect(made(lapse(viewWith(committing, { copies: 'at_most_once' }), later))).toMatchObject({
      set: { ...ended, state: 'unknown' },
      event: { type: 'unknown' },
    });
    expect(made(lapse(viewWith(streaming, { copies: 'at_most_once' }), later)).set.state).toBe('queued');
  });

  it.each([
    ['dead', streaming],
    ['unknown', committing],
    ['unknown', { ...streaming, maybeSent: true }],
  ])('ends the delivery %s the fifth time', (state, progress) => {
    const { set, event } = made(
      lapse(viewWith({ ...progress, lapses: deliveryLimits.lapsesMax - 1 }), later),
    );
    expect(set).toMatchObject({ ...ended, state, lapses: deliveryLimits.lapsesMax });
    expect(event).toEqual({ type: state, data: { reason: 'lapses' } });
  });

  it('is no lapse one millisecond before its end', () => {
    expect(lapse(viewWith(streaming), later - 1)).toBeNull();
  });

  it.each(othersThan('sending'))('changes nothing when the delivery is %s', (state) => {
    expect(lapse(viewWith({ state, lease: LEASE }), later)).toBeNull();
  });
});

describe('a lease of a process that has ended', () => {
  const early = LEASE.until - 1;

  it('is over before its time, as a lapse of which the delivery is due at once', () => {
    const { set, event } = made(lapseAtStart(viewWith(streaming), early));
    expect(set).toEqual({ ...made(lapse(viewWith(streaming), LEASE.until)).set, due: early, wakeAt: early });
    expect(event).toBeNull();
  });

  it.each([
    [0, 'queued', 0],
    [1, 'queued', 0],
    [2, 'queued', deliveryLimits.lapseDelayMs],
    [3, 'queued', deliveryLimits.lapseDelayMs],
    [4, 'dead', null],
  ] as const)('after %i lapses leaves the delivery %s, due after %s ms', (lapses, state, delayMs) => {
    const { set } = made(lapseAtStart(viewWith({ ...streaming, lapses }), early));
    expect(set).toMatchObject({
      state,
      lapses: lapses + 1,
      wakeAt: delayMs === null ? null : early + delayMs,
    });
  });

  it('waits the given delay from the third lapse on', () => {
    expect(made(lapseAtStart(viewWith({ ...streaming, lapses: 2 }), early, 5)).set.due).toBe(early + 5);
    expect(made(lapseAtStart(viewWith({ ...streaming, lapses: 1 }), early, 5)).set.due).toBe(early);
  });

  it('past the fence leaves `maybeSent`, and with at_most_once ends the delivery `unknown`', () => {
    expect(made(lapseAtStart(viewWith(committing), early)).set).toMatchObject({
      state: 'queued',
      maybeSent: true,
      due: early,
    });
    expect(made(lapseAtStart(viewWith(committing, { copies: 'at_most_once' }), early))).toMatchObject({
      set: { ...ended, state: 'unknown', lapses: 1 },
      event: { type: 'unknown', data: { reason: 'lease_over' } },
    });
  });

  it.each(othersThan('sending'))('changes nothing when the delivery is %s', (state) => {
    expect(lapseAtStart(viewWith({ state, lease: LEASE }), early)).toBeNull();
  });
});

describe('a lost entry', () => {
  it('returns the delivery to its backlog at its due time, whenever it expires', () => {
    const inQueue = { due: NOW - 5, wakeAt: NOW + MINUTE };
    expect(made(entryLost(viewWith(inQueue), NOW)).set).toEqual({ wakeAt: NOW - 5 });
    expect(
      made(entryLost(viewWith({ ...inQueue, wakeAt: NOW + 1 }, { expiresAt: NOW + 1 }), NOW)).set,
    ).toEqual({
      wakeAt: NOW - 5,
    });
  });

  it.each([
    ['in its backlog', { due: NOW - 1, wakeAt: NOW - 1 }],
    ['in its backlog again, since nobody claimed it', { due: NOW - 1, wakeAt: NOW }],
    ['held', { due: NOW + MINUTE, wakeAt: NOW + MINUTE }],
    ['held beyond its expiry', { due: NOW + MINUTE, wakeAt: NOW + 1 }],
  ])('changes nothing when the delivery is %s', (_, progress) => {
    expect(entryLost(viewWith(progress), NOW)).toBeNull();
  });

  it.each(othersThan('queued'))('changes nothing when the delivery is %s', (state) => {
    expect(entryLost(viewWith({ state, due: NOW, wakeAt: NOW + MINUTE }), NOW)).toBeNull();
  });
});

describe('a due delivery', () => {
  it.each([
    ['scheduled', { type: 'queued', data: {} }],
    ['deferred', null],
  ] as const)('is queued when it was %s', (state, event) => {
    expect(made(fallDue(viewWith({ state }), NOW))).toMatchObject({
      set: { state: 'queued', wakeAt: NOW },
      event,
    });
    expect(made(fallDue(viewWith({ state }), NOW)).event).toEqual(event);
  });

  it('is not queued one millisecond early', () => {
    expect(fallDue(viewWith({ state: 'deferred', due: NOW + 1 }), NOW)).toBeNull();
  });

  it.each(othersThan('scheduled', 'deferred'))('is not queued when it is %s', (state) => {
    expect(fallDue(viewWith({ state }), NOW)).toBeNull();
  });
});

describe('an entry of the queue', () => {
  it('that was published wakes the sweeper after a while, or at the expiry', () => {
    expect(made(published(viewWith(), NOW)).set).toEqual({ wakeAt: NOW + queueLimits.republishMs });
    expect(made(published(viewWith(), NOW, 5_000)).set).toEqual({ wakeAt: NOW + 5_000 });
    expect(made(published(viewWith({}, { expiresAt: NOW + 1 }), NOW)).set).toEqual({ wakeAt: NOW + 1 });
  });

  it('that was not published wakes the sweeper at once', () => {
    expect(made(notPublished(viewWith({ wakeAt: NOW + MINUTE }), NOW)).set).toEqual({ wakeAt: NOW });
    expect(made(notPublished(viewWith({ wakeAt: NOW - 5 }), NOW)).set).toEqual({ wakeAt: NOW - 5 });
  });

  it.each(othersThan('queued'))('changes nothing about a delivery that is %s', (state) => {
    expect(published(viewWith({ state }), NOW)).toBeNull();
    expect(notPublished(viewWith({ state }), NOW)).toBeNull();
  });
});

describe('a cancel', () => {
  it.each(waiting)('ends a delivery that is %s', (state) => {
    const cancelling = cancel(viewWith({ state }));
    expect(cancelling.kind).toBe('cancelled');
    expect(made(cancelling.change)).toMatchObject({
      set: { ...ended, state: 'cancelled' },
      event: { type: 'cancelled', data: {} },
    });
  });

  it.each([
    ['is being sent', viewWith(streaming)],
    ['waits but may have been sent', viewWith({ state: 'deferred', maybeSent: true })],
  ])('of a delivery that %s is recorded as a wish', (_, s) => {
    const cancelling = cancel(s);
    expect(cancelling.kind).toBe('in_flight');
    expect(made(cancelling.change)).toMatchObject({ set: { cancelWanted: true }, event: null });
  });

  it('is recorded once', () => {
    expect(cancel(viewWith({ ...streaming, cancelWanted: true }))).toEqual({
      kind: 'in_flight',
      change: null,
    });
  });

  it.each(states.filter(isTerminal))('of a delivery that is %s comes too late', (state) => {
    const kind = state === 'unknown' ? 'ended_in_doubt' : 'ended';
    expect(cancel(viewWith({ state }))).toEqual({ kind, change: null });
  });

  it.each(states.filter(isTerminal))(
    'cannot rule out a copy if a delivery is %s after a lapse past the fence',
    (state) => {
      expect(cancel(viewWith({ state, maybeSent: true }))).toEqual({ kind: 'ended_in_doubt', change: null });
    },
  );
});

it('eight states are terminal', () => {
  expect(states.filter(isTerminal)).toEqual([
    'delivered',
    'bounced',
    'complained',
    'suppressed',
    'cancelled',
    'expired',
    'unknown',
    'dead',
  ]);
});

function made(change: Change | null): Change {
  if (change === null) throw new Error('there is no change');
  return change;
}
