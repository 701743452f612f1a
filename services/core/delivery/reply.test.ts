import { describe, expect, it } from 'vitest';
import { Failure } from '../failure.ts';
import {
  type Answer,
  type Category,
  type Classification,
  classifyAnswer,
  classifyContentError,
  parseReply,
  type Reason,
  type Stage,
} from './reply.ts';

/** A refusal as the tables write it: `550 5.1.1 no such user`. */
const refused = (stage: Stage, raw: string): Answer => ({
  kind: 'refused',
  stage,
  reason: null,
  ...parseReply(raw),
});
const happened = (kind: Answer['kind'], stage: Stage, reason: Reason | null = null): Answer => {
  return { kind, stage, reason, code: null, enhanced: null, text: '' };
};

const deliver = (category: Category): Classification => ({ kind: 'delivered', category });
const bounce = (category: Category): Classification => ({ kind: 'bounced', category });
const defer = (category: Category): Classification => ({
  kind: 'deferred',
  spent: true,
  waitMs: 0,
  category,
});
const aboutUs = (category: Category): Classification => ({
  kind: 'deferred',
  spent: false,
  waitMs: 30_000,
  category,
});
const pause = (category: Category): Classification => ({ kind: 'local', scope: 'route', category });
const release = (category: Category): Classification => ({ kind: 'local', scope: 'delivery', category });

describe('parseReply', () => {
  it.each([
    ['250 2.0.0 Ok: queued as 1A', { code: 250, enhanced: '2.0.0', text: 'Ok: queued as 1A' }],
    ['250 Ok', { code: 250, enhanced: null, text: 'Ok' }],
    ['250', { code: 250, enhanced: null, text: '' }],
    ['550-5.1.1 no such\r\n550 5.1.1 user', { code: 550, enhanced: '5.1.1', text: 'no such user' }],
    ['550-no such\n550 user', { code: 550, enhanced: null, text: 'no such user' }],
    ['550 5.1.1', { code: 550, enhanced: '5.1.1', text: '' }],
    ['550 5.1.1234 odd', { code: 550, enhanced: null, text: '5.1.1234 odd' }],
    ['550 127.0.0.1 is listed', { code: 550, enhanced: null, text: '127.0.0.1 is listed' }],
    ['5501 odd', { code: null, enhanced: null, text: '5501 odd' }],
    ['HTTP/1.1 400 Bad Request', { code: null, enhanced: null, text: 'HTTP/1.1 400 Bad Request' }],
    ['999 what', { code: null, enhanced: null, text: '999 what' }],
    ['', { code: null, enhanced: null, text: '' }],
    ['451 4.7.1 a\u0000b\tc\u2028d', { code: 451, enhanced: '4.7.1', text: 'a b c d' }],
  ])('%j', (raw, expected) => {
    expect(parseReply(raw)).toEqual(expected);
  });

  it('cuts a long text', () => {
    expect(parseReply(`550 ${'x'.repeat(10_000)}`).text).toHaveLength(500);
  });
});

describe('a refusal', () => {
  it.each<[Stage, string, Classification]>([
    // the greeting and EHLO come before any message
    ['greeting', '421 4.3.2 too many connections', aboutUs('busy')],
    ['greeting', '450 later', aboutUs('busy')],
    ['greeting', '554 no SMTP service here', pause('route_refused')],
    ['greeting', '554 4.3.0 a contradiction', aboutUs('busy')],
    ['greeting', '250 not a greeting', aboutUs('protocol')],
    ['greeting', 'SSH-2.0-OpenSSH', aboutUs('protocol')],
    ['ehlo', '421 closing', aboutUs('busy')],
    ['ehlo', '550 5.7.1 your name is not liked', pause('route_refused')],

    // TLS and login belong to the route
    ['starttls', '454 4.7.0 TLS not available', pause('tls')],
    ['starttls', '502 5.5.1 not here', pause('tls')],
    ['auth', '535 5.7.8 wrong', pause('auth')],
    ['auth', '454 4.7.0 temporary', pause('auth')],
    ['mail', '530 5.7.0 authentication required', pause('auth')],
    ['mail', '538 encryption required', pause('auth')],
    ['rcpt', '530 5.7.0 authentication required', pause('auth')],
    ['rcpt', '535 5.7.8 wrong', pause('auth')],
    ['body', '530 5.7.0 too late to release', defer('auth')],
    ['dot', '530 5.7.0 too late to release', defer('auth')],

    // MAIL is about us, unless the code is about the message
    ['mail', '421 4.7.0 closing', aboutUs('busy')],
    ['mail', '451 4.3.0 trouble', aboutUs('busy')],
    ['mail', '452 4.3.1 out of space', aboutUs('busy')],
    ['mail', '550 5.7.1 you are blocked', aboutUs('sender_refused')],
    ['mail', '550 5.1.8 bad sender', aboutUs('sender_refused')],
    ['mail', '553 sender refused', aboutUs('sender_refused')],
    ['mail', '503 5.5.1 out of order', aboutUs('sender_refused')],
    ['mail', '354 what', aboutUs('protocol')],
    ['mail', '552 5.3.4 too large', bounce('too_large')],
    ['mail', '552 too large', bounce('too_large')],
    ['mail', '552 4.3.1 a contradiction', aboutUs('busy')],
    ['mail', '550 5.6.7 no SMTPUTF8', bounce('smtputf8')],

    // from RCPT on a refusal is about the message
    ['rcpt', '550 5.1.1 no such user', bounce('mailbox')],
    ['rcpt', '550 5.1.10 null MX', bounce('mailbox')],
    ['rcpt', '550 5.2.1 disabled', bounce('mailbox')],
    ['rcpt', '550 no such user', bounce('refused')],
    ['rcpt', '551 5.1.6 moved', bounce('mailbox')],
    ['rcpt', '553 5.1.3 bad syntax', bounce('mailbox')],
    ['rcpt', '501 5.1.3 bad syntax', bounce('mailbox')],
    ['rcpt', '550 5.4.1 no route', bounce('refused')],
    ['rcpt', '554 5.7.1 policy', bounce('policy')],
    ['rcpt', '450 4.2.1 greylisted', defer('mailbox')],
    ['rcpt', '451 4.7.1 greylisted', defer('busy')],
    ['rcpt', '451 later', defer('busy')],
    ['rcpt', '452 4.2.2 full', defer('mailbox_full')],
    ['rcpt', '452 4.5.3 too many recipients', defer('busy')],
    ['rcpt', '421 4.7.0 slow down', defer('busy')],
    ['rcpt', '552 5.2.2 full', bounce('mailbox_full')],
    ['rcpt', '552 too many recipients', defer('busy')],
    ['rcpt', '552 5.5.3 too many recipients', defer('busy')],
    ['rcpt', '550 4.2.1 a contradiction', defer('mailbox')],
    ['rcpt', '450 5.1.1 a contradiction', defer('mailbox')],
    ['rcpt', '503 5.5.1 out of order', defer('protocol')],
    ['rcpt', '354 what', defer('protocol')],
    ['rcpt', 'gibberish', defer('protocol')],
    ['rcpt', '554 5.7.1 <a@b.example>: Relay access denied', defer('relay_denied')],
    ['rcpt', '550 relay not permitted', defer('relay_denied')],
    ['rcpt', '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain', defer('relay_denied')],
    ['data', '451 4.3.0 later', defer('busy')],
    ['data', '554 5.5.1 no valid recipients', bounce('protocol')],
    ['body', '552 5.3.4 too large', bounce('too_large')],
    ['dot', '421 4.3.0 closing', defer('busy')],
    ['dot', '451 4.3.0 later', defer('busy')],
    ['dot', '452 4.3.1 out of space', defer('busy')],
    ['dot', '552 5.3.4 too large', bounce('too_large')],
    ['dot', '552 5.2.2 full', bounce('mailbox_full')],
    ['dot', '550 5.7.1 spam', bounce('policy')],
    ['dot', '550 5.6.0 not mail', bounce('content')],
    ['dot', '554 rejected', bounce('refused')],
    ['dot', '354 what', defer('protocol')],
  ])('at %s, %s', (stage, raw, expected) => {
    expect(classifyAnswer(refused(stage, raw))).toEqual(expected);
  });
});

describe('an answer without a reply', () => {
  it.each<[Answer['kind'], Stage, Reason | null, Classification]>([
    ['accepted', 'dot', null, deliver('accepted')],
    ['answer_lost', 'dot', 'dropped', { kind: 'lost', category: 'answer_lost' }],
    ['answer_lost', 'dot', 'timeout', { kind: 'lost', category: 'answer_lost' }],
    ['fenced', 'body', null, release('fenced')],
    ['aborted', 'dial', null, release('aborted')],
    ['aborted', 'body', null, release('aborted')],
    ['fault', 'body', 'body', release('body')],
    ['fault', 'dial', 'dns', pause('dns')],
    ['fault', 'dial', 'address_refused', pause('address_refused')],
    ['fault', 'dial', 'connect', pause('connect')],
    ['fault', 'tls', 'tls', pause('tls')],
    ['fault', 'auth', 'auth', pause('auth')],
    ['lost', 'greeting', 'dropped', aboutUs('connection_lost')],
    ['lost', 'greeting', 'timeout', aboutUs('timeout')],
    ['lost', 'ehlo', 'protocol', aboutUs('protocol')],
    ['lost', 'starttls', 'dropped', pause('tls')],
    ['lost', 'auth', 'timeout', pause('auth')],
    ['lost', 'mail', 'dropped', aboutUs('connection_lost')],
    ['lost', 'rcpt', 'dropped', defer('connection_lost')],
    ['lost', 'data', 'timeout', defer('timeout')],
    ['lost', 'body', 'dropped', defer('connection_lost')],
    ['lost', 'body', 'protocol', defer('protocol')],
  ])('%s at %s (%s)', (kind, stage, reason, expected) => {
    expect(classifyAnswer(happened(kind, stage, reason))).toEqual(expected);
  });
});

describe('every refusal', () => {
  const stages: Stage[] = [
    'dial',
    'tls',
    'greeting',
    'ehlo',
    'starttls',
    'auth',
    'mail',
    'rcpt',
    'data',
    'body',
    'dot',
  ];
  const early = stages.slice(0, stages.indexOf('rcpt'));

  it('before RCPT counts no attempt, whatever its code, unless it is about the message', () => {
    for (const stage of early) {
      for (let code = 200; code < 600; code++) {
        const classified = classifyAnswer(refused(stage, `${code} text`));
        if (stage === 'mail' && code === 552) continue;
        expect(
          classified.kind === 'local' ||
            (classified.kind === 'deferred' && !classified.spent && classified.waitMs >= 30_000),
        ).toBe(true);
      }
    }
  });

  it('with a 4xx is retried, at any stage and with any enhanced code', () => {
    for (const stage of stages) {
      for (let code = 400; code < 500; code++) {
        for (const enhanced of ['', '4.1.1 ', '5.1.1 '])
          expect(classifyAnswer(refused(stage, `${code} ${enhanced}text`)).kind).not.toBe('bounced');
      }
    }
  });

  it.each(['body', 'dot'] as const)(
    'at %s is never local: the store may have recorded `committing`',
    (stage) => {
      for (let code = 200; code < 600; code++)
        expect(classifyAnswer(refused(stage, `${code} text`)).kind).not.toBe('local');
    },
  );
});

describe('an error of reading the content of a mail', () => {
  it.each<[string, unknown, Category | null]>([
    ['damaged', new Failure('data_loss', 'stored content is damaged'), 'body'],
    ['missing', new Failure('not_found', 'stored content is missing'), 'body'],
    ['a store that does not reply', new Failure('unavailable', 'the disk failed'), null],
    ['a bug', new Error('a bug'), null],
  ])('%s', (_, error, category) => {
    const counted = category && { kind: 'deferred', spent: true, waitMs: 0, category };
    expect(classifyContentError(error)).toEqual(counted);
  });
});
