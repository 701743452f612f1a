// What every CatalogWriter promises: numbering, fences, ownership, notices.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CatalogSnapshot, TemplateRevision } from '../../services/core/catalog/catalog.ts';
import type { CatalogEntry, CatalogSource, CatalogWriter } from '../../services/ports/catalog-writer.ts';
import {
  compiledSender,
  compiledTemplate,
  type SampleSender,
  type SampleTemplate,
} from './sample-catalog.ts';

export interface CatalogWriterSubject extends AsyncDisposable {
  readonly writer: CatalogWriter;
  /** Another writer of the same catalog, as in another process. */
  readonly other: CatalogWriter;
  /** What a reader that starts now sees. */
  read(): Promise<CatalogSnapshot>;
  revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null>;
  /** Subjects of the notices given so far. */
  readonly notices: readonly string[];
}

const by = (term: number, generation: number, name = 'prod'): CatalogSource => ({
  kind: 'operator',
  name,
  fence: { term, generation },
});
const sender = (sample: SampleSender = {}): CatalogEntry => ({
  kind: 'sender',
  sender: compiledSender(sample),
});
const template = (sample: SampleTemplate = {}): CatalogEntry => ({
  kind: 'template',
  template: compiledTemplate(sample),
});

export function catalogWriterContract(name: string, open: () => Promise<CatalogWriterSubject>): void {
  describe(`CatalogWriter contract: ${name}`, () => {
    let subject: CatalogWriterSubject;
    let writer: CatalogWriter;

    beforeEach(async () => {
      subject = await open();
      writer = subject.writer;
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('creates, updates with a new revision number, and repeats without effect', async () => {
      const one = template({ subject: 'one' });
      expect(await writer.put(by(1, 1), one)).toEqual({ kind: 'created', revision: 1 });
      expect(await writer.put(by(1, 1), one)).toEqual({ kind: 'unchanged', revision: 1 });
      expect(await writer.put(by(1, 2), template({ subject: 'two' }))).toEqual({
        kind: 'updated',
        revision: 2,
      });
      expect(await subject.other.put(by(1, 2), template({ subject: 'two' }))).toEqual({
        kind: 'unchanged',
        revision: 2,
      });
      const { template: live } = await subject.read();
      expect(live('shop', 'invoice')).toEqual({ ...compiledTemplate({ subject: 'two' }), revision: 2 });
      expect(await subject.revision('shop', 'invoice', 1)).toEqual({
        ...compiledTemplate({ subject: 'one' }),
        revision: 1,
      });
    });

    it('numbers senders too', async () => {
      expect(await writer.put(by(1, 1), sender())).toEqual({ kind: 'created', revision: 1 });
      expect(await writer.put(by(1, 2), sender({ from: 'Shop' }))).toEqual({ kind: 'updated', revision: 2 });
      expect((await subject.read()).sender('shop', 'billing')).toEqual({
        ...compiledSender({ from: 'Shop' }),
        revision: 2,
      });
    });

    it('writes a changed login although the hash is the same', async () => {
      await writer.put(by(1, 1), sender({ password: 'one' }));
      expect(await writer.put(by(1, 1), sender({ password: 'one' }))).toEqual({
        kind: 'unchanged',
        revision: 1,
      });
      expect(await writer.put(by(1, 1), sender({ password: 'two' }))).toEqual({
        kind: 'updated',
        revision: 1,
      });
      expect((await subject.read()).sender('shop', 'billing')?.routes[0]?.credentials).toEqual({
        username: 'billing',
        password: 'two',
      });
    });

    it('writes an access token that has changed, without a new revision', async () => {
      await writer.put(by(1, 1), sender({ accessToken: 'one' }));
      expect(await writer.put(by(1, 1), sender({ accessToken: 'one' }))).toMatchObject({ kind: 'unchanged' });
      expect(await writer.put(by(1, 1), sender({ accessToken: 'two' }))).toEqual({
        kind: 'updated',
        revision: 1,
      });
      expect((await subject.read()).sender('shop', 'billing')?.routes[0]?.credentials).toEqual({
        username: 'billing',
        accessToken: 'two',
        tenant: 'shop',
        sender: 'billing',
      });
    });

    it('refuses an old leader, even after its successor has written the same', async () => {
      await writer.put(by(1, 5), sender());
      expect(await subject.other.put(by(2, 5), sender())).toMatchObject({ kind: 'unchanged' });
      expect(await writer.put(by(1, 6), sender({ from: 'Late' }))).toEqual({ kind: 'fenced', revision: 1 });
      expect(await writer.put(by(2, 4), sender({ from: 'Old' }))).toEqual({ kind: 'fenced', revision: 1 });
      expect((await subject.read()).sender('shop', 'billing')?.from.name).toBe('Billing');
    });

    it('does not change objects of another source', async () => {
      await writer.put(by(1, 1), sender());
      expect(await writer.put(by(9, 9, 'staging'), sender({ from: 'Foreign' }))).toEqual({
        kind: 'foreign',
        revision: 1,
      });
      expect(await writer.put({ ...by(9, 9), kind: 'folder' }, sender())).toEqual({
        kind: 'foreign',
        revision: 1,
      });
      expect(await writer.prune(by(9, 9, 'staging'), new Set())).toBe(0);
      expect((await subject.read()).sender('shop', 'billing')?.from.name).toBe('Billing');
    });

    it('prunes its own deleted objects: senders drain, templates are hidden, revisions and numbers stay', async () => {
      await writer.put(by(1, 1), sender());
      await writer.put(by(1, 1), template({ subject: 'one' }));
      await writer.put(by(1, 1), template({ identifier: 'kept' }));
      await writer.put(by(1, 1, 'staging'), sender({ name: 'foreign' }));
      const source = by(1, Number.MAX_SAFE_INTEGER);
      expect(await writer.prune(source, new Set(['template/shop/kept']))).toBe(2);
      expect(await writer.prune(source, new Set(['template/shop/kept']))).toBe(0);
      const snapshot = await subject.read();
      expect([
        snapshot.senders('shop').map((one) => `${one.name} ${one.retiring}`),
        snapshot.templates('shop').map((one) => one.identifier),
      ]).toEqual([['billing true', 'foreign false'], ['kept']]);
      expect(await subject.revision('shop', 'invoice', 1)).toMatchObject({ revision: 1 });
      expect(await writer.put(by(1, 1), template({ subject: 'two' }))).toEqual({
        kind: 'created',
        revision: 2,
      });
      // free for any source, but not for an old leader
      expect(await writer.put(by(0, 9), sender())).toMatchObject({ kind: 'fenced' });
      expect(await writer.put({ ...by(1, 1), kind: 'folder' }, sender())).toEqual({
        kind: 'updated',
        revision: 1,
      });
      expect((await subject.read()).sender('shop', 'billing')?.retiring).toBe(false);
    });

    it('lists its live objects, and retires one of them', async () => {
      const own = { ...by(3, 1), uid: 'u1' };
      await writer.put(own, sender());
      await writer.put({ ...by(3, 4), uid: 'u2', namespace: 'shop-prod', version: '17' }, template());
      await writer.put(by(1, 1, 'staging'), sender({ name: 'foreign' }));
      expect((await subject.other.list(own)).toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
        {
          ...{ key: 'sender/shop/billing', uid: 'u1', namespace: null, version: null },
          ...{ domain: 'billing.shop.example', fence: { term: 3, generation: 1 } },
        },
        {
          ...{ key: 'template/shop/invoice', uid: 'u2', namespace: 'shop-prod', version: '17' },
          ...{ domain: null, fence: { term: 3, generation: 4 } },
        },
      ]);
      expect(await writer.retire({ ...own, fence: { term: 2, generation: 9 } }, 'sender/shop/billing')).toBe(
        false,
      );
      expect(await writer.retire(own, 'sender/shop/foreign')).toBe(false);
      expect(await writer.retire(own, 'sender/shop/nobody')).toBe(false);
      expect(await writer.retire({ ...own, uid: 'of an earlier object' }, 'sender/shop/billing')).toBe(false);
      expect(await writer.retire(own, 'sender/shop/billing')).toBe(true);
      expect(await writer.retire(own, 'sender/shop/billing')).toBe(false);
      expect((await subject.other.list(own)).map(({ key }) => key)).toEqual(['template/shop/invoice']);
      expect(
        await writer.retire(
          { ...own, uid: 'u2', fence: { term: 3, generation: 4 } },
          'template/shop/invoice',
        ),
      ).toBe(true);
      expect((await subject.read()).template('shop', 'invoice')).toBeNull();
    });

    it('a retired sender keeps everything else that was published last, its login included', async () => {
      await writer.put(by(1, 1), sender({ password: 'one' }));
      const before = (await subject.read()).sender('shop', 'billing');
      expect(await writer.retire(by(1, 1), 'sender/shop/billing')).toBe(true);
      expect((await subject.read()).sender('shop', 'billing')).toEqual({ ...before, retiring: true });
    });

    it('a sender that is written again is live, under its revision', async () => {
      await writer.put({ ...by(1, 3), uid: 'old' }, sender());
      await writer.retire({ ...by(1, 3), uid: 'old' }, 'sender/shop/billing');
      expect(await writer.put({ ...by(1, 1), uid: 'new' }, sender())).toEqual({
        kind: 'updated',
        revision: 1,
      });
      expect((await subject.read()).sender('shop', 'billing')?.retiring).toBe(false);
    });

    it('records the namespace of an object that a newer leader writes unchanged', async () => {
      const own = { ...by(3, 1), uid: 'u1' };
      await writer.put(own, sender());
      const newer = { ...by(4, 1), uid: 'u1', namespace: 'shop-prod' };
      expect(await writer.put(newer, sender())).toMatchObject({ kind: 'unchanged' });
      expect(await subject.other.list(own)).toEqual([
        {
          ...{ key: 'sender/shop/billing', uid: 'u1', namespace: 'shop-prod', version: null },
          ...{ domain: 'billing.shop.example', fence: newer.fence },
        },
      ]);
    });

    it('accepts a recreated object although its generations start again', async () => {
      await writer.put({ ...by(3, 7), uid: 'old' }, sender());
      expect(await writer.put({ ...by(3, 1), uid: 'new' }, sender({ from: 'New' }))).toMatchObject({
        kind: 'updated',
      });
      expect(await writer.put({ ...by(2, 9), uid: 'old' }, sender())).toMatchObject({ kind: 'fenced' });
      expect((await subject.read()).sender('shop', 'billing')?.from.name).toBe('New');
    });

    it('prunes nothing as an old leader', async () => {
      await writer.put(by(2, 1), sender());
      expect(await writer.prune(by(1, Number.MAX_SAFE_INTEGER), new Set())).toBe(0);
      expect((await subject.read()).senders('shop')).toHaveLength(1);
    });

    it('concurrent writes of one content get one number', async () => {
      const texts = ['a', 'b', 'c', 'd', 'e', 'f'];
      const puts = [...texts, ...texts].map((text, i) =>
        (i % 2 === 0 ? writer : subject.other).put(by(1, 1), template({ subject: text })),
      );
      const results = await Promise.all(puts);
      const highest = Math.max(...results.map(({ revision }) => revision));
      const all = await Promise.all(
        Array.from({ length: highest }, (_, i) => subject.revision('shop', 'invoice', i + 1)),
      );
      expect(all.map((one) => one?.revision)).toEqual(all.map((_, i) => i + 1));
      results.forEach(({ revision }, i) => {
        expect(all[revision - 1]?.content.live[0]?.subject).toBe(texts[i % texts.length]);
      });
      expect((await subject.read()).template('shop', 'invoice')).toEqual(
        all.findLast((one) => one !== null && results.some(({ revision }) => revision === one.revision)),
      );
    });

    it('publishes notices of visible changes only', async () => {
      await writer.put(by(1, 1), sender());
      await writer.put(by(1, 1), sender());
      await writer.put(by(2, 1), sender());
      await writer.put(by(1, 1), sender({ from: 'Late' }));
      await writer.put(by(2, 1), template());
      await writer.prune(by(2, 1), new Set(['template/shop/invoice']));
      const expected = [
        'catalog.changed.sender.shop.billing',
        'catalog.changed.template.shop.invoice',
        'catalog.changed.sender.shop.billing',
      ];
      await expect.poll(() => subject.notices.length).toBeGreaterThanOrEqual(expected.length);
      expect(subject.notices).toEqual(expected);
    });
  });
}
