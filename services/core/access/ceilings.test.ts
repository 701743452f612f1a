import { describe, expect, it } from 'vitest';
import { accessLimits } from '../limits/access.ts';
import { type Ceilings, isWithin, judgeCeilings, type WantedCeilings } from './ceilings.ts';

const NOW = 1_000;
const open: Ceilings = {
  scopes: ['messages:send', 'keys:write'],
  environment: 'live',
  senders: [],
  requestsPerMinute: accessLimits.requestsPerMinuteMax,
  expiresAt: null,
};
const tight: Ceilings = {
  scopes: ['keys:write'],
  environment: 'testing',
  senders: ['shop', 'billing'],
  requestsPerMinute: 5,
  expiresAt: 7_000,
};
const nothing: WantedCeilings = {
  scopes: [],
  environment: null,
  senders: [],
  requestsPerMinute: null,
  expiresAt: null,
};
const known = ['shop', 'billing', 'other'];

const judged = (maker: Ceilings, wanted: Partial<WantedCeilings>) =>
  judgeCeilings(maker, { ...nothing, ...wanted }, { now: NOW, isSender: (name) => known.includes(name) });
const faults = (maker: Ceilings, wanted: Partial<WantedCeilings>): string[] =>
  judged(maker, wanted).errors.map(({ field, code }) => `${field} ${code}`);

describe('a key that is asked for', () => {
  it.each([open, tight])('has all that the request omits from its maker', (maker) => {
    expect(judged(maker, {})).toEqual({ ceilings: maker, errors: [] });
  });

  it.each<[Partial<WantedCeilings>, string[]]>([
    [{ scopes: ['keys:write'] }, []],
    [{ scopes: ['keys:write', 'messages:send'] }, ['scopes[1] invalid_scope']],
    [{ scopes: [''] }, ['scopes[0] invalid_scope']],
    [{ environment: 'draft' }, []],
    [{ environment: 'testing' }, []],
    [{ environment: 'live' }, ['environment forbidden']],
    [{ senders: ['billing'] }, []],
    [{ senders: ['shop', 'other'] }, ['senders[1] unknown_sender']],
    [{ senders: ['nobody'] }, ['senders[0] unknown_sender']],
    [{ requestsPerMinute: 5 }, []],
    [{ requestsPerMinute: 6 }, ['requests_per_minute out_of_range']],
    [{ requestsPerMinute: 0 }, ['requests_per_minute out_of_range']],
    [{ requestsPerMinute: -1 }, ['requests_per_minute out_of_range']],
    [{ expiresAt: 7_000 }, []],
    [{ expiresAt: 7_001 }, ['expires_at too_late']],
    [{ expiresAt: NOW }, ['expires_at too_early']],
    [
      {
        scopes: ['messages:read'],
        environment: 'live',
        senders: ['other'],
        requestsPerMinute: 1_000_000,
        expiresAt: 9e12,
      },
      [
        'scopes[0] invalid_scope',
        'environment forbidden',
        'senders[0] unknown_sender',
        'requests_per_minute out_of_range',
        'expires_at too_late',
      ],
    ],
  ])('%j of a tight maker is at fault in %j', (wanted, expected) => {
    expect(faults(tight, wanted)).toEqual(expected);
  });

  it.each<[Partial<WantedCeilings>, string[]]>([
    [{ ...tight }, []],
    [{ senders: ['nobody'] }, ['senders[0] unknown_sender']],
    [{ requestsPerMinute: accessLimits.requestsPerMinuteMax + 1 }, ['requests_per_minute out_of_range']],
    [{ expiresAt: 9e12 }, []],
    [{ expiresAt: NOW }, ['expires_at too_early']],
  ])('%j of an open maker is at fault in %j', (wanted, expected) => {
    expect(faults(open, wanted)).toEqual(expected);
  });

  it('has each scope and sender once', () => {
    const many = {
      scopes: Array.from({ length: 1_000 }, () => 'keys:write'),
      senders: ['shop', 'billing', 'shop'],
    };
    expect(judged(tight, many)).toMatchObject({
      ceilings: { scopes: ['keys:write'], senders: ['shop', 'billing'] },
      errors: [],
    });
  });

  it('lies within its maker whenever there is no fault', () => {
    const wishes = [
      {},
      { senders: ['shop'] },
      { environment: 'draft' as const, requestsPerMinute: 1 },
      { expiresAt: 2_000, scopes: ['keys:write'] },
    ];
    for (const maker of [open, tight]) {
      for (const wish of wishes) {
        const { ceilings, errors } = judged(maker, wish);
        expect([errors, isWithin(maker, ceilings)]).toEqual([[], true]);
      }
    }
  });
});

describe('a key lies within another', () => {
  it.each<[string, Partial<Ceilings>, boolean]>([
    ['of the same ceilings', {}, true],
    ['with fewer scopes', { scopes: [] }, true],
    ['with another scope', { scopes: ['keys:write', 'keys:read'] }, false],
    ['with a lower environment', { environment: 'draft' }, true],
    ['with a higher environment', { environment: 'live' }, false],
    ['with fewer senders', { senders: ['shop'] }, true],
    ['with another sender', { senders: ['shop', 'other'] }, false],
    ['with all senders', { senders: [] }, false],
    ['with a lower limit', { requestsPerMinute: 1 }, true],
    ['with a higher limit', { requestsPerMinute: 6 }, false],
    ['that expires earlier', { expiresAt: 1 }, true],
    ['that expires later', { expiresAt: 7_001 }, false],
    ['that never expires', { expiresAt: null }, false],
  ])('%s: %j is %s', (_, more, expected) => {
    expect(isWithin(tight, { ...tight, ...more })).toBe(expected);
    expect(isWithin(open, { ...open, ...more, scopes: open.scopes, requestsPerMinute: 1 })).toBe(true);
  });
});
