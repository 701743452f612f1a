import { describe, expect, test } from 'vitest';
import { operatorLimits } from '../../../services/core/limits/operator.ts';
import { decideKeys, type ManagedKey, stateOf } from './decide-dkim-keys.ts';

const now = 1_750_000_000_000;
const day = 24 * 3_600_000;
const key = (more: Partial<ManagedKey> = {}): ManagedKey => ({
  selector: 'a',
  algorithm: 'rsa-sha256',
  createdAt: now - 10 * day,
  seenAt: null,
  activeAt: null,
  retiredAt: null,
  ...more,
});
const active = key({ selector: 'active', seenAt: now - 9 * day, activeAt: now - 8 * day });
const context = { algorithms: ['rsa-sha256'] as const, rotationMs: 180 * day, now, isSeen: () => true };
const states = (keys: readonly ManagedKey[]) =>
  keys.map(({ selector, ...rest }) => `${selector} ${stateOf({ selector, ...rest })}`);

describe('managed keys', () => {
  test('the first key of each algorithm is created', () => {
    expect(decideKeys([], { ...context, algorithms: ['rsa-sha256', 'ed25519-sha256'] }).create).toEqual([
      'rsa-sha256',
      'ed25519-sha256',
    ]);
    expect(decideKeys([active], { ...context, algorithms: ['rsa-sha256', 'ed25519-sha256'] }).create).toEqual(
      ['ed25519-sha256'],
    );
  });

  test.each([
    ['is not seen', key(), false, 'a Standby', null],
    ['could not be looked up', key(), null, 'a Standby', null],
    ['is seen', key(), true, 'a Active', now],
  ] as const)('a first key whose record %s', (_, first, isSeen, state, seenAt) => {
    const { keys, create } = decideKeys([first], { ...context, isSeen: () => isSeen });
    expect(states(keys)).toEqual([state]);
    expect(keys[0]?.seenAt).toBe(seenAt);
    expect(create).toEqual([]);
  });

  test('of two keys that sign, as after a restore, the one that became active last stays', () => {
    const restored = key({ selector: 'restored', seenAt: now - 90 * day, activeAt: now - 80 * day });
    for (const keys of [
      [restored, active],
      [active, restored],
    ])
      expect(new Set(states(decideKeys(keys, context).keys))).toEqual(
        new Set(['active Active', 'restored Retiring']),
      );
  });

  test.each([
    [null, ['active Active', 'b Standby']],
    [now - operatorLimits.dkimStandbyMs + 1, ['active Active', 'b Standby']],
    [now - operatorLimits.dkimStandbyMs, ['active Retiring', 'b Active']],
  ])('a successor that has been seen since %s', (seenAt, expected) => {
    expect(states(decideKeys([active, key({ selector: 'b', seenAt })], context).keys)).toEqual(expected);
  });

  test('a successor whose record disappears waits from the start; a failed lookup changes nothing', () => {
    const successor = key({ selector: 'b', seenAt: now - day / 2 });
    expect(decideKeys([active, successor], { ...context, isSeen: () => false }).keys[1]?.seenAt).toBeNull();
    expect(decideKeys([active, successor], { ...context, isSeen: () => null }).keys[1]?.seenAt).toBe(
      now - day / 2,
    );
  });

  test('a key gets one successor at the end of its period, and none with period 0', () => {
    const old = { ...active, createdAt: now - 180 * day };
    expect(decideKeys([old], context).create).toEqual(['rsa-sha256']);
    expect(decideKeys([old, key({ selector: 'b' })], { ...context, isSeen: () => false }).create).toEqual([]);
    expect(decideKeys([old], { ...context, rotationMs: 0 }).create).toEqual([]);
    expect(decideKeys([active], context).create).toEqual([]);
  });

  test('a retired key is removed after a week', () => {
    const retired = { ...active, selector: 'old', retiredAt: now - operatorLimits.dkimRetiringMs };
    expect(decideKeys([active, retired], context).remove).toEqual([retired]);
    expect(
      decideKeys([active, { ...retired, retiredAt: now - operatorLimits.dkimRetiringMs + 1 }], context)
        .remove,
    ).toEqual([]);
  });

  test('without its algorithm, or without policy Managed, an active key retires and a waiting key is removed', () => {
    const { keys, remove, create } = decideKeys([active, key({ selector: 'b' })], {
      ...context,
      algorithms: [],
    });
    expect(states(keys)).toEqual(['active Retiring']);
    expect(remove.map(({ selector }) => selector)).toEqual(['b']);
    expect(create).toEqual([]);
  });
});
