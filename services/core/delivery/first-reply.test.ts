import { expect, test } from 'vitest';
import type { Delivery, LastReply } from './delivery.ts';
import type { Event } from './event.ts';
import { isUnanswered } from './first-reply.ts';

const reply = (code: number | null): LastReply => ({ stage: 'rcpt', code, enhanced: null, text: '' });
const event = (delivery: number, type: Event['type'], code?: number | null): Event => ({
  type,
  at: 0,
  delivery,
  data: code === undefined ? {} : { code },
});

test.each<[string, LastReply | null, Event[], boolean]>([
  ['never tried', null, [event(0, 'queued'), event(0, 'accepted')], true],
  ['deferred by a server', reply(451), [event(0, 'queued'), event(0, 'deferred', 451)], false],
  ['deferred because no server answered', reply(null), [event(0, 'deferred', null)], true],
  [
    'deferred by a server, then by none',
    reply(null),
    [event(0, 'deferred', 451), event(0, 'deferred', null)],
    false,
  ],
  [
    'put back because a relay refused everybody',
    reply(421),
    [event(0, 'queued'), event(0, 'accepted')],
    true,
  ],
  [
    'another recipient was answered',
    reply(null),
    [event(1, 'delivered', 250), event(0, 'deferred', null)],
    true,
  ],
])('%s', (_, lastReply, events, isFirst) => {
  expect(isUnanswered({ delivery: { lastReply } as Delivery, index: 0 }, events)).toBe(isFirst);
});
