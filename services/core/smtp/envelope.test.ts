import { describe, expect, it } from 'vitest';
import type { Address } from '../address.ts';
import { classifyAnswer } from '../delivery/reply.ts';
import { type Commands, commandsOf, type Envelope } from './envelope.ts';
import { offersOf } from './offers.ts';

const envelope = (changes: Partial<Envelope> = {}): Envelope => {
  return {
    mailFrom: 'a@b.example' as Address,
    rcptTo: 'c@d.example' as Address,
    smtpUtf8: false,
    bytes: 1_000,
    ...changes,
  };
};

describe('the commands', () => {
  it.each<[string, readonly string[], Partial<Envelope>, Commands]>([
    ['no offers', [], {}, { mail: 'MAIL FROM:<a@b.example>', rcpt: 'RCPT TO:<c@d.example>' }],
    ['the null return path', [], { mailFrom: null }, { mail: 'MAIL FROM:<>', rcpt: 'RCPT TO:<c@d.example>' }],
    [
      'all offers, none needed',
      ['8BITMIME', 'SMTPUTF8', 'SIZE 1000'],
      {},
      { mail: 'MAIL FROM:<a@b.example> BODY=8BITMIME SIZE=1000', rcpt: 'RCPT TO:<c@d.example>' },
    ],
    [
      'a header that needs SMTPUTF8',
      ['SMTPUTF8'],
      { smtpUtf8: true },
      { mail: 'MAIL FROM:<a@b.example> SMTPUTF8', rcpt: 'RCPT TO:<c@d.example>' },
    ],
    [
      'a recipient that needs SMTPUTF8',
      ['SMTPUTF8'],
      { rcptTo: 'jürgen@d.example' as Address },
      { mail: 'MAIL FROM:<a@b.example> SMTPUTF8', rcpt: 'RCPT TO:<jürgen@d.example>' },
    ],
    [
      'a return path that needs SMTPUTF8',
      ['SMTPUTF8'],
      { mailFrom: 'jürgen@b.example' as Address },
      { mail: 'MAIL FROM:<jürgen@b.example> SMTPUTF8', rcpt: 'RCPT TO:<c@d.example>' },
    ],
    [
      'a size without a maximum',
      ['SIZE'],
      {},
      { mail: 'MAIL FROM:<a@b.example> SIZE=1000', rcpt: 'RCPT TO:<c@d.example>' },
    ],
    [
      'a quoted local part',
      [],
      { rcptTo: '"a b"@d.example' as Address },
      { mail: 'MAIL FROM:<a@b.example>', rcpt: 'RCPT TO:<"a b"@d.example>' },
    ],
  ])('%s', (_, offers, changes, expected) => {
    expect(commandsOf(envelope(changes), offersOf(offers))).toEqual(expected);
  });
});

describe('what the server would refuse is not asked', () => {
  it.each<[string, readonly string[], Partial<Envelope>, string, string]>([
    ['a header needs SMTPUTF8', ['8BITMIME'], { smtpUtf8: true }, '5.6.7', 'smtputf8'],
    ['a recipient needs SMTPUTF8', [], { rcptTo: 'jürgen@d.example' as Address }, '5.6.7', 'smtputf8'],
    ['a return path needs SMTPUTF8', [], { mailFrom: 'jürgen@b.example' as Address }, '5.6.7', 'smtputf8'],
    ['one byte above SIZE', ['SIZE 999'], {}, '5.3.4', 'too_large'],
    ['an address with angle brackets', [], { rcptTo: '"a>b"@d.example' as Address }, '5.1.3', 'mailbox'],
  ])('%s', (_, offers, changes, enhanced, category) => {
    const answer = commandsOf(envelope(changes), offersOf(offers));
    if (!('kind' in answer)) throw new Error('it would be asked');
    expect(answer).toMatchObject({ kind: 'refused', enhanced });
    expect(classifyAnswer(answer)).toEqual({ kind: 'bounced', category });
  });
});
