import { expect, test } from 'vitest';
import { arrive, type DeliveryState, type Subject } from './delivery.ts';
import type { MessageId } from './ids.ts';
import { limits } from './limits.ts';
import { earlyBy } from './plan.ts';

const now = 1_000_000;

function subject(due: number, state: DeliveryState = 'queued'): Subject {
  const { progress } = arrive({ now: due, scheduledAt: null, expiresAt: null, isSuppressed: false, isPublished: true });
  const delivery = {
    ...progress,
    state,
    recipient: 'ana@example.com' as Subject['delivery']['recipient'],
    role: 'to',
    domain: 'example.com',
    version: '1',
  } as const;
  return { message: 'msg_1' as MessageId, index: 0, delivery, copies: 'at_least_once', startsAt: due, expiresAt: null };
}

test.each([
  ['due long ago', subject(now - 1_000), 1, 0],
  ['due now', subject(now), 1, 0],
  ['due a moment from now, by a clock that is ahead of ours', subject(now + 3), 1, 3],
  ['due at the most that clocks may differ', subject(now + limits.clockSkewMs), 1, limits.clockSkewMs],
  ['due later than clocks can explain', subject(now + limits.clockSkewMs + 1), 1, 0],
  ['about another attempt', subject(now + 3), 2, 0],
  ['about a delivery that waits for its schedule', subject(now + 3, 'deferred'), 1, 0],
])('an entry that is %s', (_, s, attempt, early) => {
  expect(earlyBy(s, { attempt, now })).toBe(early);
});
