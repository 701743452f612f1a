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
  fallDue,
  hold,
  isTerminal,
  lapse,
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

/** A delivery that waits in the queue, unless told otherwise. */
function subject(progress: Partial<Progress> = {}, around: Around = {}): DeliveryView {
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

describe('a delivery arrives', () => {
  const input = { now: NOW, scheduledAt: null, expiresAt: null, isSuppressed: false, isPublished: true };

  it.each([
    [
      'queued, looked for after a minute when its entry was published',
      {},
      'queued',
      NOW,
      NOW + queueLimits.republishMs,
    ],
    ['queued, looked for after as long as is said', { republishMs: 5_000 }, 'queued', NOW, NOW + 5_000],
    ['queued, looked for at once when it was not', { isPublished: false }, 'queued', NOW, NOW],
    ['queued, looked for when it expires before that', { expiresAt: NOW + 10 }, 'queued', NOW, NOW + 10],
    ['scheduled, looked for when its time comes', { scheduledAt: NOW + 1 }, 'scheduled', NOW + 1, NOW + 1],
    ['queued when its time is now', { scheduledAt: NOW }, 'queued', NOW, NOW + queueLimits.republishMs],
    ['queued when its time is past', { scheduledAt: NOW - 1 }, 'queued', NOW, NOW + queueLimits.republishMs],
    ['suppressed, looked for never', { isSuppressed: true }, 'suppressed', NOW, null],
    [
      'suppressed rather than scheduled',
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

  it('takes a queued delivery whose time has come, under a lease, with its first event', () => {
    expect(claim(subject({ hold: { reason: 'budget' } }), input)).toEqual({
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

  it('is no event the second time', () => {
    expect(claim(subject({ takenUp: true }), input)?.event).toBeNull();
  });

  it('holds for as long as is said', () => {
    expect(claim(subject(), { ...input, leaseMs: 6_000 })?.set.wakeAt).toBe(NOW + 6_000);
  });

  const refused: readonly (readonly [string, DeliveryView])[] = [
    ['of another attempt', subject({ attempt: 2 })],
    ['before its time', subject({ due: NOW + 1 })],
    ['past its expiry', subject({}, { expiresAt: NOW })],
    ...othersThan('queued').map((state) => [`of what is ${state}`, subject({ state })] as const),
  ];
  it.each(refused)('%s is refused', (_, s) => {
    expect(claim(s, input)).toBeNull();
  });

  it('just before the expiry is made', () => {
    expect(claim(subject({}, { expiresAt: NOW + 1 }), input)).not.toBeNull();
  });
});

describe('a hold', () => {
  it('keeps a delivery in the store until its due, without an event', () => {
    const { set, event } = made(hold(subject(), 'budget', NOW + 500));
    expect(set).toEqual({ due: NOW + 500, wakeAt: NOW + 500, hold: { reason: 'budget' } });
    expect(event).toBeNull();
  });

  it('is looked at when it expires before that', () => {
    expect(made(hold(subject({}, { expiresAt: NOW + 100 }), 'route', NOW + 500)).set.wakeAt).toBe(NOW + 100);
  });

  it.each(othersThan('queued'))('of what is %s is refused', (state) => {
    expect(hold(subject({ state }), 'budget', NOW)).toBeNull();
  });
});

describe('a lease', () => {
  const others = subject({ ...streaming, lease: { id: 'another', until: NOW } });
  const lost: readonly (readonly [string, DeliveryView])[] = [
    ['that another has', others],
    ['that ran out and was taken back', subject({ state: 'queued' })],
    ['whose delivery has ended', subject({ state: 'delivered' })],
  ];

  it.each([
    ['streaming', streaming],
    ['committing', committing],
  ])('is renewed while %s', (_, progress) => {
    expect(made(renew(subject(progress), 'mine', NOW + 5)).set).toEqual({
      lease: { id: 'mine', until: NOW + 5 + deliveryLimits.leaseMs },
      wakeAt: NOW + 5 + deliveryLimits.leaseMs,
    });
  });

  it.each(lost)('%s is not renewed', (_, s) => expect(renew(s, 'mine', NOW)).toBeNull());
  it.each(lost)('%s lets nothing through the fence', (_, s) => expect(commit(s, 'mine', NOW)).toBeNull());
  it.each(lost)('%s releases nothing', (_, s) =>
    expect(release(s, 'mine', { due: NOW, reason: null, tried: true })).toBeNull(),
  );
  it.each(lost)('%s suppresses nothing', (_, s) => expect(suppress(s, 'mine')).toBeNull());

  it('begins anew with the record of committing', () => {
    expect(made(commit(subject(streaming), 'mine', NOW + 5)).set).toEqual({
      phase: 'committing',
      lease: { id: 'mine', until: NOW + 5 + deliveryLimits.leaseMs },
      wakeAt: NOW + 5 + deliveryLimits.leaseMs,
    });
  });

  it('passes the fence once', () => {
    expect(commit(subject(committing), 'mine', NOW)).toBeNull();
  });
});

describe('a release', () => {
  const how = { due: NOW + 500, reason: 'route', tried: true } as const;

  it('goes back to the queue and spends nothing', () => {
    const { set, event } = made(release(subject({ ...streaming, attempt: 3, lapses: 2 }), 'mine', how));
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

  it('of what was not tried counts no try and holds nothing', () => {
    const { set } = made(release(subject(streaming), 'mine', { due: NOW, reason: null, tried: false }));
    expect(set).toMatchObject({ tries: 0, hold: null });
  });

  it('keeps the reply that it met', () => {
    const lastReply = { stage: 'dial', code: null, enhanced: null, text: 'no route' };
    expect(made(release(subject(streaming), 'mine', { ...how, lastReply })).set.lastReply).toEqual(lastReply);
  });

  it('is never made from committing', () => {
    expect(release(subject(committing), 'mine', how)).toBeNull();
  });
});

describe('a recipient found suppressed after the claim', () => {
  it('ends the delivery', () => {
    const { set, event } = made(suppress(subject(streaming), 'mine'));
    expect(set).toEqual({ ...ended, state: 'suppressed' });
    expect(event).toEqual({ type: 'suppressed', data: { reason: 'suppressed' } });
  });

  it('ends it unknown when a copy may have been taken before', () => {
    expect(made(suppress(subject({ ...streaming, maybeSent: true }), 'mine')).set.state).toBe('unknown');
  });

  it('comes too late behind the fence', () => {
    expect(suppress(subject(committing), 'mine')).toBeNull();
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
    'of kind %s ends the delivery, with its record as the event',
    (kind) => {
      const { set, event } = made(recorded(subject({ ...committing, attempt: 2, tries: 4 }), { kind }));
      expect(set).toEqual({ ...ended, state: kind, tries: 5, lastReply: reply });
      expect(event).toEqual({ type: kind, data: { attempt: 2, counted: true, category: 'x' } });
    },
  );

  it('that defers waits for the next attempt', () => {
    const { set, event } = made(recorded(subject(committing), deferred));
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
  ])('waits at least the delay and at most a tenth more (random %d)', (random, wait) => {
    expect(made(recorded(subject(committing), deferred, random)).set.due).toBe(NOW + wait);
  });

  it('waits by the number of its attempt', () => {
    expect(made(recorded(subject({ ...committing, attempt: 2 }), deferred)).set).toMatchObject({
      attempt: 3,
      due: NOW + 300_000,
    });
  });

  it('is looked at when it expires before the next attempt', () => {
    expect(made(recorded(subject(committing, { expiresAt: NOW + 7 }), deferred)).set).toMatchObject({
      due: NOW + 30_000,
      wakeAt: NOW + 7,
    });
  });

  it('that defers the last attempt bounces', () => {
    const { set, event } = made(recorded(subject({ ...committing, attempt: 3 }), deferred));
    expect(set).toMatchObject({ ...ended, state: 'bounced' });
    expect(event).toMatchObject({ type: 'bounced', data: { attempt: 3, reason: 'attempts_spent' } });
  });

  it('that defers the last attempt ends unknown when a copy may have been taken', () => {
    expect(made(recorded(subject({ ...committing, attempt: 3, maybeSent: true }), deferred)).set.state).toBe(
      'unknown',
    );
  });

  it('about us spends no attempt, not even the last', () => {
    const { set, event } = made(recorded(subject({ ...streaming, attempt: 3, tries: 2 }), aboutUs));
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
    expect(made(recorded(subject({ ...streaming, attempt: 2, tries: 1 + uncounted }), aboutUs)).set.due).toBe(
      NOW + wait,
    );
  });

  it('honours a wish to cancel when it defers', () => {
    const { set, event } = made(recorded(subject({ ...committing, cancelWanted: true }), deferred));
    expect(set).toMatchObject({ ...ended, state: 'cancelled' });
    expect(event).toMatchObject({ type: 'cancelled', data: { attempt: 1 } });
  });

  it.each([
    [
      'a copy may have been taken before',
      subject({ ...committing, cancelWanted: true, maybeSent: true }),
      deferred,
    ],
    ['a copy may have been taken now', subject({ ...committing, cancelWanted: true }), lost],
  ])('forgets a wish to cancel when %s', (_, s, verdict) => {
    expect(made(recorded(s, verdict)).set.state).toBe('deferred');
  });

  it('that was lost is tried again and marked', () => {
    expect(made(recorded(subject(committing), lost)).set).toMatchObject({
      state: 'deferred',
      attempt: 2,
      maybeSent: true,
    });
  });

  it('that was lost on the last attempt ends unknown', () => {
    expect(made(recorded(subject({ ...committing, attempt: 3 }), lost)).set).toMatchObject({
      state: 'unknown',
      maybeSent: true,
    });
  });

  it('that was lost is never tried again with at_most_once', () => {
    expect(made(recorded(subject(committing, { copies: 'at_most_once' }), lost)).set).toMatchObject({
      ...ended,
      state: 'unknown',
    });
  });

  it.each(['queued', 'deferred'] as const)(
    'of 250 whose lease was lost is recorded while the delivery is %s',
    (state) => {
      expect(made(recorded(subject({ state }), { kind: 'delivered' })).set.state).toBe('delivered');
    },
  );

  it.each(othersThan('queued', 'deferred'))(
    'of 250 whose lease was lost is forgotten when the delivery is %s',
    (state) => {
      expect(
        recorded(subject({ state, lease: state === 'sending' ? { id: 'another', until: NOW } : null }), {
          kind: 'delivered',
        }),
      ).toBeNull();
    },
  );

  it.each([deferred, aboutUs, lost, { kind: 'bounced' } as const])(
    '%o whose lease was lost is forgotten',
    (verdict) => {
      for (const state of states) expect(recorded(subject({ state }), verdict)).toBeNull();
    },
  );
});

describe('age', () => {
  const DAY = 86_400_000;

  it.each(waiting)('ends what is %s past its expiry', (state) => {
    expect(made(endIfTooOld(subject({ state }, { expiresAt: NOW }), NOW, DAY))).toMatchObject({
      set: { ...ended, state: 'expired' },
      event: { type: 'expired' },
    });
  });

  it.each(waiting)('bounces what is %s past the sender’s age', (state) => {
    const { set, event } = made(endIfTooOld(subject({ state }, { startsAt: NOW - DAY }), NOW, DAY));
    expect(set).toEqual({ ...ended, state: 'bounced' });
    expect(event?.data).toEqual({ reason: 'too_old' });
  });

  it.each([
    ['its expiry', { expiresAt: NOW }],
    ['the sender’s age', { startsAt: NOW - DAY }],
  ])('ends unknown past %s what may have been sent', (_, around) => {
    expect(made(endIfTooOld(subject({ maybeSent: true }, around), NOW, DAY)).set.state).toBe('unknown');
  });

  it('spares the young', () => {
    expect(endIfTooOld(subject({}, { expiresAt: NOW + 1, startsAt: NOW - DAY + 1 }), NOW, DAY)).toBeNull();
  });

  it.each(othersThan(...waiting))('spares what is %s', (state) => {
    expect(endIfTooOld(subject({ state }, { expiresAt: 0 }), NOW, 0)).toBeNull();
  });
});

describe('a lease that ran out', () => {
  const later = LEASE.until;

  it('puts the delivery back for later, counted and without an event', () => {
    const { set, event } = made(lapse(subject(streaming), later));
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

  it('puts it back for as much later as is said', () => {
    expect(made(lapse(subject(streaming), later, 0)).set.due).toBe(later);
  });

  it('behind the fence leaves its mark', () => {
    expect(made(lapse(subject(committing), later)).set).toMatchObject({ state: 'queued', maybeSent: true });
  });

  it('behind the fence ends unknown with at_most_once, before it does not', () => {
    expect(made(lapse(subject(committing, { copies: 'at_most_once' }), later))).toMatchObject({
      set: { ...ended, state: 'unknown' },
      event: { type: 'unknown' },
    });
    expect(made(lapse(subject(streaming, { copies: 'at_most_once' }), later)).set.state).toBe('queued');
  });

  it.each([
    ['dead', streaming],
    ['unknown', committing],
    ['unknown', { ...streaming, maybeSent: true }],
  ])('for the fifth time ends %s', (state, progress) => {
    const { set, event } = made(lapse(subject({ ...progress, lapses: deliveryLimits.lapsesMax - 1 }), later));
    expect(set).toMatchObject({ ...ended, state, lapses: deliveryLimits.lapsesMax });
    expect(event).toEqual({ type: state, data: { reason: 'lapses' } });
  });

  it('a moment before it is over is none', () => {
    expect(lapse(subject(streaming), later - 1)).toBeNull();
  });

  it.each(othersThan('sending'))('is none when the delivery is %s', (state) => {
    expect(lapse(subject({ state, lease: LEASE }), later)).toBeNull();
  });
});

describe('what falls due', () => {
  it.each([
    ['scheduled', { type: 'queued', data: {} }],
    ['deferred', null],
  ] as const)('goes to the queue when it was %s', (state, event) => {
    expect(made(fallDue(subject({ state }), NOW))).toMatchObject({
      set: { state: 'queued', wakeAt: NOW },
      event,
    });
    expect(made(fallDue(subject({ state }), NOW)).event).toEqual(event);
  });

  it('does so no moment early', () => {
    expect(fallDue(subject({ state: 'deferred', due: NOW + 1 }), NOW)).toBeNull();
  });

  it.each(othersThan('scheduled', 'deferred'))('is not %s', (state) => {
    expect(fallDue(subject({ state }), NOW)).toBeNull();
  });
});

describe('an entry of the queue', () => {
  it('that was published is looked for after a while, or at the expiry', () => {
    expect(made(published(subject(), NOW)).set).toEqual({ wakeAt: NOW + queueLimits.republishMs });
    expect(made(published(subject(), NOW, 5_000)).set).toEqual({ wakeAt: NOW + 5_000 });
    expect(made(published(subject({}, { expiresAt: NOW + 1 }), NOW)).set).toEqual({ wakeAt: NOW + 1 });
  });

  it('that was not published after all is looked for at once', () => {
    expect(made(notPublished(subject({ wakeAt: NOW + MINUTE }), NOW)).set).toEqual({ wakeAt: NOW });
    expect(made(notPublished(subject({ wakeAt: NOW - 5 }), NOW)).set).toEqual({ wakeAt: NOW - 5 });
  });

  it.each(othersThan('queued'))('says nothing about what is %s', (state) => {
    expect(published(subject({ state }), NOW)).toBeNull();
    expect(notPublished(subject({ state }), NOW)).toBeNull();
  });
});

describe('a cancel', () => {
  it.each(waiting)('ends what is %s', (state) => {
    const cancelling = cancel(subject({ state }));
    expect(cancelling.kind).toBe('cancelled');
    expect(made(cancelling.change)).toMatchObject({
      set: { ...ended, state: 'cancelled' },
      event: { type: 'cancelled', data: {} },
    });
  });

  it.each([
    ['is being sent', subject(streaming)],
    ['waits but may have been sent', subject({ state: 'deferred', maybeSent: true })],
  ])('of what %s is kept as a wish', (_, s) => {
    const cancelling = cancel(s);
    expect(cancelling.kind).toBe('in_flight');
    expect(made(cancelling.change)).toMatchObject({ set: { cancelWanted: true }, event: null });
  });

  it('is wished once', () => {
    expect(cancel(subject({ ...streaming, cancelWanted: true }))).toEqual({
      kind: 'in_flight',
      change: null,
    });
  });

  it.each(states.filter(isTerminal))('of what is %s comes too late', (state) => {
    expect(cancel(subject({ state }))).toEqual({ kind: 'ended', change: null });
  });
});

it('eight states are the end', () => {
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
