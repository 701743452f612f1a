import { describe, expect, test } from 'vitest';
import { sampleSender } from '../../../test/simulation/catalog.ts';
import type { MessageId } from '../ids.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { arrive, type DeliveryState, type DeliveryView } from './delivery.ts';
import { earlyBy, plan } from './plan.ts';

const now = 1_000_000;

function viewDue(due: number, state: DeliveryState = 'queued'): DeliveryView {
  const { progress } = arrive({
    now: due,
    scheduledAt: null,
    expiresAt: null,
    isSuppressed: false,
    isPublished: true,
  });
  const delivery = {
    ...progress,
    state,
    recipient: 'ana@example.com' as DeliveryView['delivery']['recipient'],
    role: 'to',
    domain: 'example.com',
    version: '1',
  } as const;
  return {
    message: 'msg_1' as MessageId,
    index: 0,
    delivery,
    copies: 'at_least_once',
    startsAt: due,
    expiresAt: null,
  };
}

test.each([
  ['due long ago', viewDue(now - 1_000), 1, 0],
  ['due now', viewDue(now), 1, 0],
  ['due a moment from now, by a clock ahead of ours', viewDue(now + 3), 1, 3],
  [
    'due as late as the clocks may differ',
    viewDue(now + deliveryLimits.clockSkewMs),
    1,
    deliveryLimits.clockSkewMs,
  ],
  ['due later than the clocks may differ', viewDue(now + deliveryLimits.clockSkewMs + 1), 1, 0],
  ['of another attempt', viewDue(now + 3), 2, 0],
  ['of a deferred delivery', viewDue(now + 3, 'deferred'), 1, 0],
])('an entry that is %s', (_, s, attempt, early) => {
  expect(earlyBy(s, { attempt, now })).toBe(early);
});

describe('a plan', () => {
  const sender = sampleSender([30_000]);
  const [first, second] = sender.routes;
  if (first === undefined || second === undefined) throw new Error('the sample sender has two routes');
  const context = {
    attempt: 1,
    now,
    sender,
    routes: sender.routes,
    pausedUntil: () => Number.NEGATIVE_INFINITY,
    pauseMessage: ({ name }: { readonly name: string }) => `${name} is broken`,
  };
  const pausedBy = (until: Readonly<Record<string, number>>) => (route: { readonly name: string }) =>
    until[route.name] ?? 0;

  test('uses the first route that is not paused', () => {
    expect(plan(viewDue(now), context)).toEqual({ kind: 'go', route: first });
    expect(plan(viewDue(now), { ...context, pausedUntil: pausedBy({ first: now + 1 }) })).toEqual({
      kind: 'go',
      route: second,
    });
  });

  test('uses a route again after its pause', () => {
    expect(plan(viewDue(now), { ...context, pausedUntil: pausedBy({ first: now }) })).toMatchObject({
      route: first,
    });
  });

  test('waits for the first route whose pause ends', () => {
    const planned = plan(viewDue(now), {
      ...context,
      pausedUntil: pausedBy({ first: now + 9, second: now + 5 }),
    });
    expect(planned).toMatchObject({
      kind: 'hold',
      change: {
        set: {
          due: now + 5,
          hold: { reason: 'route', message: 'first: first is broken; second: second is broken' },
        },
        event: null,
      },
    });
  });

  test.each([
    ['without a sender', 'route', { sender: null, routes: [] }],
    ['of a suspended sender', 'suspended', { sender: { ...sender, suspended: true } }],
    ['of a sender that is not verified', 'unverified', { sender: { ...sender, verified: false } }],
    ['of a sender without routes', 'route', { routes: [] }],
  ])('%s is made again after a minute', (_, reason, more) => {
    const planned = plan(viewDue(now), { ...context, ...more });
    expect(planned).toMatchObject({
      kind: 'hold',
      change: { set: { due: now + deliveryLimits.heldRecheckMs, hold: { reason } } },
    });
  });

  test.each([
    ['before the due time', viewDue(now + 1), 1],
    ['of another attempt', viewDue(now), 2],
    ...(['scheduled', 'sending', 'deferred', 'delivered', 'cancelled'] as const).map(
      (state) => [`of what is ${state}`, viewDue(now, state), 1] as const,
    ),
  ] as const)('%s drops the entry', (_, s, attempt) => {
    expect(plan(s, { ...context, attempt })).toEqual({ kind: 'drop' });
  });

  test.each([
    ['past its expiry', { expiresAt: now }, sender, 'expired'],
    ['past the maxAge of its sender', { startsAt: now - sender.retry.maxAgeMs }, sender, 'bounced'],
    [
      'past the default maxAge, without a sender',
      { startsAt: now - deliveryLimits.maxAgeMs },
      null,
      'bounced',
    ],
    ['past its expiry, of a suspended sender', { expiresAt: now }, { ...sender, suspended: true }, 'expired'],
  ] as const)('%s ends the delivery', (_, around, of, state) => {
    const planned = plan({ ...viewDue(now), ...around }, { ...context, sender: of });
    expect(planned).toMatchObject({ kind: 'end', change: { set: { state } } });
  });
});
