// What every KeyStore promises.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiKey, KeyStore } from '../../services/ports/key-store.ts';

export interface KeyStoreSubject extends AsyncDisposable {
  readonly store: KeyStore;
  /** Closes the store and opens it again over the same data. Absent where nothing is kept. */
  readonly reopen?: () => Promise<KeyStore>;
}

const apiKey = (id: string, more: Partial<ApiKey> = {}): ApiKey => ({
  id,
  tenant: 'default',
  name: 'server',
  secretHash: 'a'.repeat(64),
  scopes: ['messages:send'],
  environment: 'live',
  senders: [],
  requestsPerMinute: 5_000,
  expiresAt: null,
  revokedAt: null,
  createdAt: 1_700_000_000_123,
  createdBy: null,
  ...more,
});

export function keyStoreContract(name: string, open: () => Promise<KeyStoreSubject>): void {
  describe(`KeyStore contract: ${name}`, () => {
    let subject: KeyStoreSubject;
    let store: KeyStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('returns every field, also after a restart', async () => {
      const keys = [
        apiKey('k1'),
        apiKey('k2', {
          name: 'Büro {"$gt":""}',
          scopes: [],
          senders: ['a.b', '$set'],
          environment: 'draft',
          expiresAt: 5,
          revokedAt: 4,
          createdBy: 'k1',
        }),
      ];
      for (const key of keys) expect(await store.add(key)).toBe(true);
      const verify = async (reader: KeyStore): Promise<void> => {
        for (const key of keys) expect(await reader.find(key.id)).toEqual(key);
      };
      await verify(store);
      if (subject.reopen !== undefined) await verify(await subject.reopen());
    });

    it('adds an id once', async () => {
      const key = apiKey('k1');
      await store.add(key);
      expect(await store.add(apiKey('k1', { tenant: 'other', name: 'second' }))).toBe(false);
      expect(await store.find('k1')).toEqual(key);
      expect(await store.list('other')).toEqual([]);
    });

    it('one of many concurrent adds of an id succeeds', async () => {
      const keys = Array.from({ length: 50 }, (_, n) => apiKey('k1', { name: `n${n}` }));
      const answers = await Promise.all(keys.map((key) => store.add(key)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await store.find('k1')).toEqual(keys[answers.indexOf(true)]);
    });

    it('lists a tenant’s keys, newest first', async () => {
      for (const [id, createdAt] of [
        ['k1', 20],
        ['k2', 30],
        ['k3', 10],
      ] as const)
        await store.add(apiKey(id, { createdAt }));
      await store.add(apiKey('k4', { tenant: 'other' }));
      expect((await store.list('default')).map((key) => key.id)).toEqual(['k2', 'k1', 'k3']);
      expect(await store.list('nobody')).toEqual([]);
    });

    it('revokes permanently, and keeps the first time', async () => {
      await store.add(apiKey('k1'));
      expect(await store.revoke('default', 'k1', 100)).toBe(true);
      expect(await store.revoke('default', 'k1', 200)).toBe(true);
      expect(await store.find('k1')).toEqual(apiKey('k1', { revokedAt: 100 }));
      expect((await store.list('default')).map((key) => key.revokedAt)).toEqual([100]);
    });

    it('revokes nothing of another tenant', async () => {
      await store.add(apiKey('k1'));
      expect(await store.revoke('other', 'k1', 100)).toBe(false);
      expect(await store.revoke('default', 'k2', 100)).toBe(false);
      expect((await store.find('k1'))?.revokedAt).toBeNull();
    });

    it.each(['{"$gt":""}', '$ne', "' OR 1=1 --", '.*', '%', '__proto__', ''])(
      '%j is plain text',
      async (text) => {
        await store.add(apiKey('k1'));
        expect(await store.find(text)).toBeNull();
        expect(await store.list(text)).toEqual([]);
        expect(await store.revoke(text, 'k1', 1)).toBe(false);
        expect(await store.revoke('default', text, 1)).toBe(false);
      },
    );
  });
}
