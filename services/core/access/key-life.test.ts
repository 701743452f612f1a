import { describe, expect, it } from 'vitest';
import {
  faultOfKey,
  judgeFirstKey,
  makesKeys,
  needsFirstKey,
  refusalToRevoke,
  type StoredKey,
} from './key-life.ts';

const NOW = 1_000;
const key = (id: string, more: Partial<StoredKey> = {}): StoredKey => ({
  id,
  tenant: 'default',
  secretHash: `hash of ${id}`,
  scopes: ['messages:send', 'keys:write'],
  environment: 'live',
  senders: [],
  expiresAt: null,
  revokedAt: null,
  ...more,
});
const sends = { scopes: ['messages:send'] };
const billing = { senders: ['billing'] };

describe('a key', () => {
  it.each([
    [{}, null],
    [{ expiresAt: NOW + 1 }, null],
    [{ expiresAt: NOW }, 'expired'],
    [{ revokedAt: NOW }, 'revoked'],
    [{ revokedAt: NOW + 1 }, 'revoked'],
    [{ revokedAt: 1, expiresAt: 1 }, 'revoked'],
  ] as const)('with %j: %s', (more, fault) => {
    expect(faultOfKey(key('k', more), NOW)).toBe(fault);
    expect(makesKeys(key('k', more), NOW)).toBe(fault === null);
    expect(makesKeys(key('k', { ...more, ...sends }), NOW)).toBe(false);
  });
});

describe('a key that revokes itself', () => {
  it.each<[string, Partial<StoredKey>, readonly Partial<StoredKey>[], boolean]>([
    ['alone', {}, [], true],
    ['beside a key of the same rights', {}, [{}], false],
    ['beside a key with a scope more', {}, [{ scopes: ['keys:write', 'keys:read', 'messages:send'] }], false],
    ['beside a key with a scope less', {}, [{ scopes: ['keys:write'] }], true],
    ['beside a key that only sends', {}, [sends], true],
    ['beside a revoked key', {}, [{ revokedAt: 1 }], true],
    ['beside an expired key', {}, [{ expiresAt: NOW }], true],
    ['beside a key that expires later', {}, [{ expiresAt: NOW + 1 }], false],
    ['beside a draft key', {}, [{ environment: 'draft' }], true],
    ['beside a testing key', {}, [{ environment: 'testing' }], true],
    ['beside a key of one sender', {}, [billing], true],
    [
      'beside three keys that only together have its rights',
      {},
      [{ environment: 'testing' }, billing, { scopes: ['keys:write'] }],
      true,
    ],
    [
      'beside restricted keys and a key of the same rights',
      {},
      [{ environment: 'draft' }, billing, {}],
      false,
    ],
    ['as a draft key beside a live key', { environment: 'draft' }, [{}], false],
    ['as a draft key beside a testing key', { environment: 'draft' }, [{ environment: 'testing' }], false],
    ['as a draft key beside a draft key', { environment: 'draft' }, [{ environment: 'draft' }], false],
    ['as a draft key alone', { environment: 'draft' }, [], true],
    ['as a key of one sender beside a key of all', billing, [{}], false],
    ['as a key of one sender beside a key of two', billing, [{ senders: ['shop', 'billing'] }], false],
    ['as a key of one sender beside a key of another', billing, [{ senders: ['shop'] }], true],
    ['as a key of one sender beside a draft key of all', billing, [{ environment: 'draft' }], true],
  ])('%s: refused is %4$s', (_, own, others, isRefused) => {
    const keys = [key('own', own), ...others.map((other, i) => key(`other${i}`, other))];
    const refusal = refusalToRevoke('own', keys, NOW, false);
    expect(refusal === null ? null : [refusal.kind, refusal.code]).toEqual(
      isRefused ? ['conflict', 'last_key'] : null,
    );
    expect(refusalToRevoke('own', keys, NOW, true)).toBeNull();
  });

  it.each<[string, StoredKey]>([
    ['only sends', key('old', sends)],
    ['was revoked', key('old', { revokedAt: 1 })],
    ['has expired', key('old', { expiresAt: 1 })],
  ])('is not refused when it %s', (_, old) => {
    expect(refusalToRevoke('old', [old], NOW, false)).toBeNull();
  });
});

describe('a start', () => {
  const own = key('own');
  const judge = (found: StoredKey | null, keys: readonly StoredKey[]) =>
    judgeFirstKey({ secretHash: own.secretHash }, 'default', { found, keys, now: NOW });

  it.each<[string, readonly StoredKey[], string]>([
    ['there is no key', [], 'make'],
    ['there is a key that makes keys', [key('other')], 'not_needed'],
    ['the only key sends', [key('other', sends)], 'make'],
    ['the only key is a draft key', [key('other', { environment: 'draft' })], 'make'],
    ['the only key is a testing key', [key('other', { environment: 'testing' })], 'make'],
    ['the only key is limited to senders', [key('other', billing)], 'make'],
    [
      'the only key makes keys and does nothing else',
      [key('other', { scopes: ['keys:write'] })],
      'not_needed',
    ],
    [
      'a key that makes keys is beside restricted ones',
      [key('a', billing), key('b'), key('c', { environment: 'draft' })],
      'not_needed',
    ],
    ['all others were revoked', [key('other', { revokedAt: 1 })], 'make'],
    ['all others have expired', [key('other', { expiresAt: NOW })], 'make'],
  ])('finds its key nowhere and %s', (_, keys, kind) => {
    expect(judge(null, keys)).toEqual({ kind });
    expect(needsFirstKey(keys, NOW)).toBe(kind === 'make');
  });

  it.each<[string, StoredKey, object]>([
    ['works', own, { kind: 'works' }],
    ['was revoked', key('own', { revokedAt: 1 }), { kind: 'refused', fault: 'revoked' }],
    ['has expired', key('own', { expiresAt: 1 }), { kind: 'refused', fault: 'expired' }],
    ['is another tenant’s', key('own', { tenant: 'other' }), { kind: 'refused', fault: 'other' }],
    ['has another secret', key('own', { secretHash: 'x' }), { kind: 'refused', fault: 'other' }],
  ])('finds a key of that id that %s, and never makes it again', (_, found, verdict) => {
    for (const keys of [[found], [found, key('other')]]) expect(judge(found, keys)).toEqual(verdict);
  });
});
