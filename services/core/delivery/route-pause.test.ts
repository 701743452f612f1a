import { expect, test } from 'vitest';
import { deliveryLimits } from '../limits/delivery.ts';
import { fault, lost, replied } from '../smtp/answers.ts';
import { type Answer, parseReply } from './reply.ts';
import { pausedRoutesText, routePause } from './route-pause.ts';

test.each<[Answer, string]>([
  [
    replied('refused', 'auth', parseReply('535 5.7.8 ana@a.example is wrong')),
    'the server replied 535 5.7.8 to AUTH',
  ],
  [replied('refused', 'greeting', parseReply('554 no')), 'the server replied 554 to the connection'],
  [replied('refused', 'starttls', parseReply('ana@a.example')), "the server's reply to STARTTLS is no SMTP"],
  [fault('auth', 'auth', 'the server offers no AUTH'), 'the server offers no AUTH'],
  [lost('lost', 'starttls', { how: 'timeout' }), 'the server did not answer in time'],
])('the message has no words of a server', (answer, message) => {
  expect(routePause('auth', answer)).toEqual({ reason: 'auth', message });
  expect(message).not.toContain('@');
});

test('a hold shows the message of each route, and no more than fits', () => {
  expect(
    pausedRoutesText([
      ['a', 'one'],
      ['b', 'two'],
    ]),
  ).toBe('a: one; b: two');
  const many = Array.from({ length: 20 }, (_, i) => [`route-${i}`, 'x'.repeat(100)] as const);
  expect(pausedRoutesText(many)).toHaveLength(deliveryLimits.replyCharsMax);
});
