import { describe, expect, test } from 'vitest';
import {
  type ClientAnswer,
  type Evidence,
  judgeLedger,
  type Shown,
  type SinkMail,
  type Told,
} from './ledger.ts';

const accepted = (messageId = 'msg_1', isReplay = false): ClientAnswer => ({
  kind: 'accepted',
  messageId,
  isReplay,
});
const refused = (messageId: string | null = null): ClientAnswer => ({
  kind: 'refused',
  status: 503,
  messageId,
});
const unanswered: ClientAnswer = { kind: 'unanswered', reason: 'socket hang up' };

const told = (more: Partial<Told> = {}): Told => ({
  marker: 'm1',
  recipients: ['a@example.com'],
  copies: 'at_least_once',
  answers: [accepted()],
  ...more,
});

const mail = (more: Partial<SinkMail> = {}): SinkMail => ({
  messageId: '<msg_1@chaos.example>',
  to: ['a@example.com'],
  sha256: 'one',
  headers: { 'x-marker': ['m1'] },
  answered: 250,
  ...more,
});

const shown = (types: readonly string[], status = types.at(-1) ?? '', attempts = 1): Shown => ({
  deliveries: [{ recipient: 'a@example.com', status, attempts }],
  events: types.map((type, i) => ({ type, recipient: 'a@example.com', seq: i + 1 })),
});

const delivered = shown(['queued', 'accepted', 'delivered']);

const evidence = (more: Partial<Evidence> = {}): Evidence => ({
  told: [told()],
  shown: new Map([['msg_1', delivered]]),
  mails: [mail()],
  ambiguousMax: 0,
  ...more,
});

describe('nothing is broken by', () => {
  test.each<[string, Partial<Evidence>]>([
    ['one copy of what was accepted', {}],
    [
      'a request that was refused and not sent',
      { told: [told({ answers: [refused()] })], shown: new Map(), mails: [] },
    ],
    [
      'a request without an answer that was sent',
      { told: [told({ answers: [unanswered] })], shown: new Map() },
    ],
    [
      'a request without an answer that was not sent',
      { told: [told({ answers: [unanswered] })], shown: new Map(), mails: [] },
    ],
    ['a refusal that names a message, sent', { told: [told({ answers: [refused('msg_1')] })] }],
    [
      'a refusal that names a message, not stored',
      { told: [told({ answers: [refused('msg_1')] })], shown: new Map(), mails: [] },
    ],
    ['an accept after a lost answer', { told: [told({ answers: [unanswered, accepted('msg_1', true)] })] }],
    [
      'a second copy that a fault explains',
      {
        shown: new Map([['msg_1', shown(['queued', 'accepted', 'delivered'], 'delivered', 2)]]),
        mails: [mail({ answered: null }), mail()],
        ambiguousMax: 1,
      },
    ],
    [
      'an unknown end of what is sent at most once',
      {
        told: [told({ copies: 'at_most_once' })],
        shown: new Map([['msg_1', shown(['queued', 'accepted', 'unknown'])]]),
        mails: [mail({ answered: null })],
        ambiguousMax: 1,
      },
    ],
  ])('%s', (_title, more) => {
    expect(judgeLedger(evidence(more)).broken).toEqual([]);
  });
});

describe('noticed:', () => {
  test.each<[string, string, Partial<Evidence>]>([
    ['P1', 'an accepted message that nobody knows', { shown: new Map([['msg_1', null]]), mails: [] }],
    [
      'P1',
      'a delivery that never ends',
      { shown: new Map([['msg_1', shown(['queued', 'accepted'], 'sending')]]) },
    ],
    [
      'P1',
      'an end that good mail does not come to',
      { shown: new Map([['msg_1', shown(['queued', 'accepted', 'bounced'])]]) },
    ],
    ['P1', 'a delivery that no server has seen', { mails: [] }],
    ['P1', 'a delivery that no server has confirmed', { mails: [mail({ answered: null })] }],
    [
      'P1',
      'an unknown end of what may be sent again',
      { shown: new Map([['msg_1', shown(['queued', 'accepted', 'unknown'])]]) },
    ],
    ['P1', 'a recipient left out', { told: [told({ recipients: ['a@example.com', 'b@example.com'] })] }],
    ['P2', 'a refused request that is sent', { told: [told({ answers: [refused()] })] }],
    [
      'P2',
      'mail of a request that nobody made',
      { mails: [mail(), mail({ headers: { 'x-marker': ['m2'] } })] },
    ],
    ['P2', 'mail to somebody else', { mails: [mail(), mail({ to: ['b@example.com'] })] }],
    ['P3', 'two messages of one key', { told: [told({ answers: [accepted(), accepted('msg_2')] })] }],
    ['P3', 'mail of another message', { mails: [mail({ messageId: '<msg_2@chaos.example>' })] }],
    [
      'P3',
      'two Message-IDs of one request',
      { mails: [mail(), mail({ messageId: '<msg_2@chaos.example>' })], ambiguousMax: 1 },
    ],
    [
      'P5',
      'an unknown end without a fault',
      {
        told: [told({ copies: 'at_most_once' })],
        shown: new Map([['msg_1', shown(['queued', 'accepted', 'unknown'])]]),
      },
    ],
    ['P5', 'a second copy without a fault', { mails: [mail(), mail()] }],
    ['P5', 'more second copies than tries', { mails: [mail(), mail()], ambiguousMax: 1 }],
    ['P5', 'a second copy that differs', { mails: [mail(), mail({ sha256: 'two' })], ambiguousMax: 1 }],
    [
      'P5',
      'a second copy of what is sent at most once',
      { told: [told({ copies: 'at_most_once' })], mails: [mail(), mail()], ambiguousMax: 1 },
    ],
    [
      'P12',
      'a gap in the events',
      {
        shown: new Map([
          ['msg_1', { ...delivered, events: delivered.events.map((e) => ({ ...e, seq: e.seq * 2 })) }],
        ]),
      },
    ],
    [
      'P12',
      'two ends',
      { shown: new Map([['msg_1', shown(['queued', 'accepted', 'delivered', 'delivered'])]]) },
    ],
    [
      'P12',
      'two beginnings of delivery',
      { shown: new Map([['msg_1', shown(['queued', 'accepted', 'accepted', 'delivered'])]]) },
    ],
    [
      'P12',
      'an end without an event',
      { shown: new Map([['msg_1', shown(['queued', 'accepted'], 'delivered')]]) },
    ],
    [
      'P12',
      'something after the end',
      { shown: new Map([['msg_1', shown(['queued', 'delivered', 'deferred'], 'delivered')]]) },
    ],
  ])('%s, %s', (promise, _title, more) => {
    const { broken } = judgeLedger(evidence(more));
    expect(
      broken.some((line) => line.startsWith(`${promise}:`)),
      broken.join('\n'),
    ).toBe(true);
  });
});

test('ends and second copies are counted', () => {
  const mails = [mail(), mail()];
  expect(judgeLedger(evidence({ mails, ambiguousMax: 1 }))).toMatchObject({
    requests: 1,
    accepted: 1,
    deliveries: 1,
    tries: 1,
    ends: { delivered: 1 },
    doubles: 1,
  });
});
