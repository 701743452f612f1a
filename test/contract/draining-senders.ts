// What every DrainingSenders promises: which senders drain, and what an erasure leaves.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CatalogSnapshot } from '../../services/core/catalog/catalog.ts';
import type { CatalogEntry, CatalogSource, CatalogWriter } from '../../services/ports/catalog-writer.ts';
import type { DrainingSenders } from '../../services/ports/draining-senders.ts';
import { compiledSender, type SampleSender } from './sample-catalog.ts';

export interface DrainingSendersSubject extends AsyncDisposable {
  readonly writer: CatalogWriter;
  readonly drainingSenders: DrainingSenders;
  /** What a reader that starts now sees. */
  read(): Promise<CatalogSnapshot>;
  /** All that is stored about objects, as text. */
  stored(): Promise<string>;
}

const by = (term: number, generation: number): CatalogSource => ({
  kind: 'operator',
  name: 'prod',
  fence: { term, generation },
});
const sender = (sample: SampleSender = {}): CatalogEntry => ({
  kind: 'sender',
  sender: compiledSender(sample),
});

export function drainingSendersContract(name: string, open: () => Promise<DrainingSendersSubject>): void {
  describe(`DrainingSenders contract: ${name}`, () => {
    let subject: DrainingSendersSubject;
    let writer: CatalogWriter;
    let senders: DrainingSenders;

    beforeEach(async () => {
      subject = await open();
      ({ writer, drainingSenders: senders } = subject);
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('a sender drains from its retirement until it is written again', async () => {
      await writer.put(by(1, 3), sender());
      expect(await senders.draining()).toEqual([]);
      await writer.retire(by(1, 3), 'sender/shop/billing');
      expect(await senders.draining()).toMatchObject([{ key: 'sender/shop/billing' }]);
      await writer.put(by(1, 3), sender());
      expect(await senders.draining()).toEqual([]);
    });

    it('a sender of another domain waits until the former one is erased', async () => {
      const other = {
        kind: 'sender',
        sender: { ...compiledSender(), domain: 'other.example', hash: 'other' },
      } as const;
      await writer.put({ ...by(1, 3), uid: 'old' }, sender());
      const younger = { ...by(1, 1), uid: 'new' };
      expect(await writer.put(younger, other)).toEqual({ kind: 'draining', revision: 1 });
      await writer.retire({ ...by(1, 3), uid: 'old' }, 'sender/shop/billing');
      expect(await writer.put(younger, other)).toEqual({ kind: 'draining', revision: 1 });
      const [draining] = await senders.draining();
      if (draining === undefined) return expect.fail('one sender drains');
      expect(await senders.erase(draining)).toBe(true);
      expect(await writer.put(younger, other)).toEqual({ kind: 'created', revision: 2 });
    });

    it('erases a draining sender, its configuration and its login, unless it was written again', async () => {
      await writer.put(by(1, 1), sender({ password: 'one' }));
      await writer.put(by(1, 1), sender({ name: 'kept' }));
      for (const name of ['billing', 'kept']) await writer.retire(by(1, 1), `sender/shop/${name}`);
      const found = (await senders.draining()).toSorted((a, b) => (a.key < b.key ? -1 : 1));
      expect(found).toEqual([
        { key: 'sender/shop/billing', tenant: 'shop', name: 'billing', retiredAt: expect.any(Number) },
        { key: 'sender/shop/kept', tenant: 'shop', name: 'kept', retiredAt: expect.any(Number) },
      ]);
      await writer.put(by(1, 2), sender({ name: 'kept' }));
      const erased: boolean[] = [];
      for (const each of [...found, ...found]) erased.push(await senders.erase(each));
      expect(erased).toEqual([true, false, false, false]);
      expect((await subject.read()).senders('shop').map(({ name }) => name)).toEqual(['kept']);
      expect(await subject.stored()).not.toContain('billing.shop.example');
      expect(await subject.stored()).not.toContain('routes/relay/credentials');
    });
  });
}
