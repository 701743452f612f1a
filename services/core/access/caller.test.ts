import { describe, expect, it } from 'vitest';
import { type Environment, environments } from '../catalog/catalog.ts';
import { Failure } from '../failure.ts';
import type { AccessRule, Bearing } from './access-rules.ts';
import { judgeAccess, reaches, reachesSender } from './caller.ts';
import type { Principal } from './principal.ts';

const principal: Principal = {
  keyId: 'key_1',
  tenant: 'default',
  scopes: ['messages:read'],
  environment: 'live',
  senders: [],
  requestsPerMinute: 60,
  expiresAt: null,
};
const bearings: readonly Bearing[] = ['any', 'use', 'see', 'cap', 'whole'];
const rule = (more: Partial<AccessRule> = {}): AccessRule => ({
  scope: 'messages:read',
  environment: 'any',
  senders: 'any',
  ...more,
});

describe('a call', () => {
  it('is refused without its scope, whatever else the rule says', () => {
    for (const bearing of bearings) {
      const judged = judgeAccess(
        principal,
        rule({ scope: 'keys:read', environment: bearing, senders: bearing }),
      );
      expect(judged).toMatchObject({ kind: 'forbidden', message: 'This key lacks the scope keys:read.' });
    }
  });

  const limits: readonly (readonly [Environment, readonly string[]])[] = environments.flatMap(
    (environment) => [[environment, []] as const, [environment, ['billing']] as const],
  );
  const cases = limits.flatMap(([environment, senders]) =>
    bearings.flatMap((first) => bearings.map((second) => [environment, senders, first, second] as const)),
  );

  it.each(cases)(
    'of a key with %s and senders %j, the rules being %s and %s',
    (environment, senders, onEnvironment, onSenders) => {
      const judged = judgeAccess(
        { ...principal, environment, senders },
        rule({ environment: onEnvironment, senders: onSenders }),
      );
      const isRefused =
        (onEnvironment === 'whole' && environment !== 'live') ||
        (onSenders === 'whole' && senders.length > 0);
      expect(judged instanceof Failure ? judged.kind : 'open').toBe(isRefused ? 'forbidden' : 'open');
      if (judged instanceof Failure) return;
      const allowed = { draft: ['draft'], testing: ['draft', 'testing'], live: null }[environment];
      expect(judged.reach).toEqual({
        environments: onEnvironment === 'any' ? null : allowed,
        senders: onSenders === 'any' || senders.length === 0 ? null : senders,
      });
    },
  );
});

describe('a reach', () => {
  it.each([
    [null, null, true],
    [['draft', 'testing'], null, true],
    [['draft'], null, false],
    [null, ['shop', 'billing'], true],
    [null, ['billing'], false],
    [['draft'], ['shop'], false],
    [['testing'], ['shop'], true],
    [[], null, false],
    [null, [], false],
  ] as const)('of %j and %j has a testing message of the sender shop: %s', (allowed, senders, expected) => {
    expect(reaches({ environments: allowed, senders }, { environment: 'testing', sender: 'shop' })).toBe(
      expected,
    );
  });

  it('has what belongs to no sender', () => {
    expect(reachesSender({ environments: null, senders: ['billing'] }, null)).toBe(true);
  });
});
