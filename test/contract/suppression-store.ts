// What every SuppressionStore promises.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Suppression, SuppressionStore } from '../../services/ports/suppression-store.ts';

export interface SuppressionStoreSubject extends AsyncDisposable {
  readonly store: SuppressionStore;
  /** Closes the store and opens it again over the same data. Absent where nothing is kept. */
  readonly reopen?: () => Promise<SuppressionStore>;
}

const hashOf = (n: number): string => `k1:${n.toString(16).padStart(64, '0')}`;

const suppression = (more: Partial<Suppression> = {}): Suppression => ({
  tenant: 'default',
  scope: 'all',
  hash: hashOf(1),
  reason: 'manual',
  createdAt: 1_700_000_000_123,
  ...more,
});

export function suppressionStoreContract(name: string, open: () => Promise<SuppressionStoreSubject>): void {
  describe(`SuppressionStore contract: ${name}`, () => {
    let subject: SuppressionStoreSubject;
    let store: SuppressionStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('finds an added suppression, also after a restart', async () => {
      const entry = suppression({ reason: 'hard_bounce' });
      expect(await store.add(entry)).toEqual({ suppression: entry, created: true });
      const verify = async (reader: SuppressionStore): Promise<void> => {
        expect(await reader.find('default', 'all', [hashOf(1)])).toEqual(entry);
        expect(await reader.matches('default', 'all', [hashOf(1), hashOf(2)])).toEqual(new Set([hashOf(1)]));
      };
      await verify(store);
      if (subject.reopen !== undefined) await verify(await subject.reopen());
    });

    it('keeps the first entry', async () => {
      const first = suppression({ reason: 'complaint', createdAt: 1 });
      await store.add(first);
      expect(await store.add(suppression({ reason: 'manual', createdAt: 2 }))).toEqual({
        suppression: first,
        created: false,
      });
      expect(await store.find('default', 'all', [hashOf(1)])).toEqual(first);
    });

    it('one of many concurrent adds creates the suppression', async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, createdAt) => store.add(suppression({ createdAt }))),
      );
      expect(answers.filter((answer) => answer.created)).toHaveLength(1);
      const stored = await store.find('default', 'all', [hashOf(1)]);
      for (const answer of answers) expect(answer.suppression).toEqual(stored);
    });

    it('finds an address under any of its hashes', async () => {
      const entry = suppression({ hash: hashOf(2) });
      await store.add(entry);
      expect(await store.find('default', 'all', [hashOf(1), hashOf(2), hashOf(3)])).toEqual(entry);
      expect(await store.find('default', 'all', [hashOf(1), hashOf(3)])).toBeNull();
      expect(await store.find('default', 'all', [])).toBeNull();
    });

    it('finds the entry under the first hash that has one', async () => {
      for (const n of [1, 2]) await store.add(suppression({ hash: hashOf(n) }));
      expect((await store.find('default', 'all', [hashOf(2), hashOf(1)]))?.hash).toBe(hashOf(2));
      expect((await store.find('default', 'all', [hashOf(3), hashOf(1), hashOf(2)]))?.hash).toBe(hashOf(1));
    });

    it('matches many at once', async () => {
      const odd = [1, 3, 5, 7, 9].map(hashOf);
      await Promise.all(odd.map((hash) => store.add(suppression({ hash }))));
      const asked = Array.from({ length: 500 }, (_, n) => hashOf(n));
      expect(await store.matches('default', 'all', asked)).toEqual(new Set(odd));
      expect(await store.matches('default', 'all', [])).toEqual(new Set());
    });

    it('keeps tenants and scopes apart', async () => {
      await store.add(suppression({ tenant: 'a' }));
      for (const [tenant, scope] of [
        ['b', 'all'],
        ['a', 'marketing'],
        ['a.all', ''],
        ['', 'all'],
      ] as const) {
        expect(await store.find(tenant, scope, [hashOf(1)])).toBeNull();
        expect(await store.matches(tenant, scope, [hashOf(1)])).toEqual(new Set());
        expect(await store.remove(tenant, scope, hashOf(1))).toBe(false);
        expect((await store.add(suppression({ tenant, scope }))).created).toBe(true);
      }
    });

    it('removes once, and can add again', async () => {
      await store.add(suppression());
      expect(await store.remove('default', 'all', hashOf(1))).toBe(true);
      expect(await store.remove('default', 'all', hashOf(1))).toBe(false);
      expect(await store.matches('default', 'all', [hashOf(1)])).toEqual(new Set());
      expect((await store.add(suppression({ reason: 'complaint' }))).created).toBe(true);
    });

    it.each(['{"$gt":""}', '$ne', "' OR 1=1 --", '.*', '%', '__proto__'])(
      '%j is plain text',
      async (text) => {
        await store.add(suppression());
        expect(await store.find(text, 'all', [hashOf(1)])).toBeNull();
        expect(await store.find('default', text, [hashOf(1)])).toBeNull();
        expect(await store.find('default', 'all', [text])).toBeNull();
        expect(await store.matches('default', 'all', [text])).toEqual(new Set());
        expect(await store.remove('default', 'all', text)).toBe(false);
        const entry = suppression({ tenant: text, scope: text, hash: text, reason: text });
        expect(await store.add(entry)).toEqual({ suppression: entry, created: true });
        expect(await store.find(text, text, [text])).toEqual(entry);
      },
    );
  });
}
