import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tiers } from '../../core/delivery/message.ts';
import { messageId } from '../../core/ids.ts';
import { encodeEntry, parseEntry, parseSubject, subjectOf } from './entry.ts';

const message = messageId(1_750_000_000_000, new Uint8Array(10));
const valid = { v: 1, m: message, d: 0, a: 1, n: 'example.com' };

describe('an entry', () => {
  it.each([null, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'])(
    'is parsed as it was written, with trace %j',
    (trace) => {
      const entry = { message, delivery: 49, attempt: 6, domain: 'example.com', trace };
      expect(parseEntry(encodeEntry(entry))).toEqual(entry);
    },
  );

  it.each([
    ['no JSON', 'x'],
    ['nothing', ''],
    ['a number', '1'],
    ['null', 'null'],
    ['a later version', JSON.stringify({ ...valid, v: 2 })],
    ['no message', JSON.stringify({ ...valid, m: undefined })],
    ['what is no message id', JSON.stringify({ ...valid, m: 'msg_1' })],
    ['a negative delivery', JSON.stringify({ ...valid, d: -1 })],
    ['half a delivery', JSON.stringify({ ...valid, d: 0.5 })],
    ['attempt 0', JSON.stringify({ ...valid, a: 0 })],
    ['an attempt in words', JSON.stringify({ ...valid, a: '1' })],
    ['no domain', JSON.stringify({ ...valid, n: null })],
    ['a trace that is no text', JSON.stringify({ ...valid, t: 1 })],
  ])('is not parsed from %s', (_, text) => {
    expect(parseEntry(text)).toBeNull();
  });
});

describe('a subject', () => {
  it.each([
    ['acme', 'acme'],
    ['acme.live', 'acme%2Elive'],
    ['a b', 'a%20b'],
    ['*', '%2A'],
    ['>', '%3E'],
  ])('escapes the name %j as %s', (name, token) => {
    expect(subjectOf('MAIL', { tier: 'high', tenant: name, sender: 'x' })).toBe(`MAIL.high.${token}.x`);
    expect(subjectOf('MAIL', { tier: 'high', tenant: 'x', sender: name })).toBe(`MAIL.high.x.${token}`);
  });

  it('keeps any tenant and any sender in one token of printable characters each', () => {
    const name = fc.string({ minLength: 1, unit: 'grapheme' });
    fc.assert(
      fc.property(fc.constantFrom(...tiers), name, name, (tier, tenant, sender) => {
        const subject = subjectOf('MAIL', { tier, tenant, sender });
        expect(subject).toMatch(/^MAIL\.[a-z]+(\.[!-)+\-/-=?-~]+){2}$/);
        expect(parseSubject(subject)).toEqual({ tier, tenant, sender });
      }),
    );
  });

  it.each([
    'MAIL',
    'MAIL.high',
    'MAIL.high.',
    'MAIL.high.a',
    'MAIL.high.a.',
    'MAIL.high..b',
    'MAIL.low.acme.b',
    'MAIL.high.a.b.c',
    'MAIL.high.%.b',
    'MAIL.high.a.%',
  ])('is not parsed from %s', (subject) => {
    expect(parseSubject(subject)).toBeNull();
  });
});
