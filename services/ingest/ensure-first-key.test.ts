import { beforeEach, describe, expect, it, test } from 'vitest';
import { newKey } from '../../test/support/installation.ts';
import { MemoryKeyStore } from '../adapters/memory/key-store.ts';
import { bootstrapKey } from '../core/access/api-key.ts';
import { describeFirstKey, ensureFirstKey } from './ensure-first-key.ts';

const NOW = 1_000;
let keys: MemoryKeyStore;

beforeEach(() => {
  keys = new MemoryKeyStore();
});

const ensure = (text: string, tenant = 'default') =>
  ensureFirstKey(keys, { text, tenant, requestsPerMinute: 5_000 }, NOW);
const idOf = (text: string): string => bootstrapKey(text).id;

describe('a first key', () => {
  it('is made once', async () => {
    const text = newKey();
    const states = await Promise.all(Array.from({ length: 20 }, () => ensure(text)));
    expect(new Set(states.map(({ kind }) => kind))).toEqual(new Set(['works']));
    expect(await keys.list('default')).toMatchObject([
      { id: idOf(text), environment: 'live', requestsPerMinute: 5_000, createdBy: null },
    ]);
  });

  it('is not made beside one that works', async () => {
    await ensure(newKey());
    expect(await ensure(newKey())).toEqual({ kind: 'not_needed' });
    expect(await keys.list('default')).toHaveLength(1);
  });

  it('that was revoked does not come back, and another one takes its place', async () => {
    const [old, next] = [newKey(), newKey()];
    await ensure(old);
    await keys.revoke('default', idOf(old), 1);
    expect(await ensure(old)).toEqual({ kind: 'refused', fault: 'revoked' });
    expect(await ensure(next)).toEqual({ kind: 'works' });
    expect(await ensure(old)).toEqual({ kind: 'refused', fault: 'revoked' });
    expect((await keys.find(idOf(old)))?.revokedAt).toBe(1);
  });

  it('is each tenant’s own', async () => {
    const [ours, theirs] = [newKey(), newKey()];
    expect(await ensure(ours)).toEqual({ kind: 'works' });
    expect(await ensure(theirs, 'other')).toEqual({ kind: 'works' });
    expect(await ensure(ours, 'other')).toEqual({ kind: 'refused', fault: 'other' });
    expect((await keys.list('other')).map(({ id }) => id)).toEqual([idOf(theirs)]);
  });

  it('is not made from a text that is not a key', async () => {
    await expect(ensure('sk_live_short')).rejects.toThrow('this is not an API key');
  });
});

test('an unusable key is reported with a remedy, and never printed', async () => {
  expect(describeFirstKey({ kind: 'works' }, 'default')).toBeNull();
  for (const [state, words] of [
    [{ kind: 'not_needed' }, 'already has other keys'],
    [{ kind: 'refused', fault: 'revoked' }, 'was revoked'],
    [{ kind: 'refused', fault: 'expired' }, 'has expired'],
    [{ kind: 'refused', fault: 'other' }, 'another tenant'],
  ] as const)
    expect(describeFirstKey(state, 'default')).toContain(words);
});
