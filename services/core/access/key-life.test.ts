import { describe, expect, it } from 'vitest';
import { faultOfKey, judgeFirstKey, makesKeys, refusalToRevoke, type StoredKey } from './key-life.ts';

const NOW = 1_000;
const key = (id: string, more: Partial<StoredKey> = {}): StoredKey => ({
  id,
  tenant: 'default',
  secretHash: `hash of ${id}`,
  scopes: ['messages:send', 'keys:write'],
  expiresAt: null,
  revokedAt: null,
  ...more,
});
const sends = { scopes: ['messages:send'] };

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

describe('the last key that makes keys', () => {
  const root = key('root');

  it.each<[string, readonly StoredKey[], boolean]>([
    ['alone', [root], true],
    ['beside another', [root, key('other')], false],
    ['beside one that only sends', [root, key('other', sends)], true],
    ['beside a revoked one', [root, key('other', { revokedAt: 1 })], true],
    ['beside an expired one', [root, key('other', { expiresAt: NOW })], true],
    ['beside one that expires later', [root, key('other', { expiresAt: NOW + 1 })], false],
  ])('%s: refused is %s', (_, keys, isRefused) => {
    const refusal = refusalToRevoke('root', keys, NOW, false);
    expect(refusal === null ? null : [refusal.kind, refusal.code]).toEqual(isRefused ? ['conflict', 'last_key'] : null);
    expect(refusalToRevoke('root', keys, NOW, true)).toBeNull();
  });

  it.each<[string, StoredKey]>([
    ['only sends', key('old', sends)],
    ['was revoked', key('old', { revokedAt: 1 })],
    ['has expired', key('old', { expiresAt: 1 })],
  ])('is not one that %s', (_, old) => {
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
    ['all others were revoked', [key('other', { revokedAt: 1 })], 'make'],
    ['all others have expired', [key('other', { expiresAt: NOW })], 'make'],
  ])('finds its key nowhere and %s', (_, keys, kind) => {
    expect(judge(null, keys)).toEqual({ kind });
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
