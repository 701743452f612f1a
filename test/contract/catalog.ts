// What every Catalog promises to those who read it.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CatalogSnapshot } from '../../services/core/catalog/catalog.ts';
import type { Catalog } from '../../services/ports/catalog.ts';
import { senderYaml, templateYaml } from './sample-catalog.ts';

export interface CatalogSubject extends AsyncDisposable {
  readonly catalog: Catalog;
  /**
   * Makes these objects, as YAML, all that there is; resolves when they are on their way to the
   * catalog.
   */
  publish(...objects: readonly string[]): Promise<void>;
  /** Closes the catalog and opens it again over the same data. */
  reopen(): Promise<Catalog>;
}

export function catalogContract(name: string, open: () => Promise<CatalogSubject>): void {
  describe(`Catalog contract: ${name}`, () => {
    let subject: CatalogSubject;
    let catalog: Catalog;

    beforeEach(async () => {
      subject = await open();
      catalog = subject.catalog;
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    /** Publishes, and waits until the catalog shows it. A good change is live within a second. */
    async function publish(
      objects: readonly string[],
      isThere: (snapshot: CatalogSnapshot) => boolean,
    ): Promise<CatalogSnapshot> {
      await subject.publish(...objects);
      await expect.poll(() => isThere(catalog.current()), { timeout: 2_000, interval: 10 }).toBe(true);
      return catalog.current();
    }
    const revisionOf = (snapshot: CatalogSnapshot): number | undefined =>
      snapshot.template('shop', 'invoice')?.revision;
    const withSubject = (text: string) => [senderYaml(), templateYaml({ subject: text })];

    it('is empty at first', async () => {
      const { sender, template, senders, templates } = catalog.current();
      expect([
        sender('shop', 'billing'),
        template('shop', 'invoice'),
        senders('shop'),
        templates('shop'),
      ]).toEqual([null, null, [], []]);
    });

    it('shows what is published, by name and by tenant', async () => {
      const snapshot = await publish(
        [
          senderYaml({ name: 'b' }),
          senderYaml({ name: 'a' }),
          senderYaml({ name: 'a', tenant: 'other' }),
          templateYaml({ identifier: 'email_Key' }),
        ],
        ({ senders, templates }) =>
          senders('shop').length + senders('other').length + templates('shop').length === 4,
      );
      expect(snapshot.senders('shop').map(({ name: sender }) => sender)).toEqual(['a', 'b']);
      expect(snapshot.sender('other', 'a')).toMatchObject({
        tenant: 'other',
        name: 'a',
        domain: 'a.other.example',
        revision: 1,
      });
      expect(snapshot.template('shop', 'email_Key')).toMatchObject({
        identifier: 'email_Key',
        revision: 1,
        defaultLocale: 'en',
      });
      expect(snapshot.templates('shop')).toEqual([snapshot.template('shop', 'email_Key')]);
      expect(snapshot.sender('other', 'b')).toBeNull();
      expect(snapshot.template('other', 'email_Key')).toBeNull();
      for (const odd of ['', '__proto__', 'shop/billing', '../shop', '$ne']) {
        expect([
          snapshot.sender(odd, 'a'),
          snapshot.sender('shop', odd),
          snapshot.template('shop', odd),
          snapshot.senders(odd),
        ]).toEqual([null, null, null, []]);
      }
    });

    it('returns everything that was compiled', async () => {
      const snapshot = await publish(withSubject('Größe 👩‍👧'), (now) => revisionOf(now) === 1);
      expect(snapshot.template('shop', 'invoice')).toMatchObject({
        variables: {
          type: 'object',
          properties: { 'a.b': { type: 'string' }, '$ref-like': { type: 'string' } },
        },
        content: { live: [{ locale: 'en', subject: 'Größe 👩‍👧', html: null, text: 'Thank you.' }] },
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });

    it('decrypts the logins of a relay for a reader with the key', async () => {
      const snapshot = await publish(
        [senderYaml({ password: 'open sesame' })],
        ({ sender }) => sender('shop', 'billing') !== null,
      );
      expect(snapshot.sender('shop', 'billing')?.routes[0]?.credentials).toEqual({
        username: 'billing',
        password: 'open sesame',
      });
      const isChanged = ({ sender }: CatalogSnapshot) =>
        sender('shop', 'billing')?.routes[0]?.credentials?.password === 'open barley';
      const changed = await publish([senderYaml({ password: 'open barley' })], isChanged);
      expect(changed.sender('shop', 'billing')?.hash).toBe(snapshot.sender('shop', 'billing')?.hash);
      expect(
        (await subject.reopen()).current().sender('shop', 'billing')?.routes[0]?.credentials?.password,
      ).toBe('open barley');
    });

    it('replaces its whole snapshot, and calls listeners', async () => {
      let calls = 0;
      using _listening = catalog.onChange(() => calls++);
      const first = await publish(withSubject('one'), (now) => revisionOf(now) === 1);
      await expect.poll(() => calls).toBeGreaterThan(0);
      const second = await publish(withSubject('two'), (now) => revisionOf(now) === 2);
      expect(first.template('shop', 'invoice')?.content.live[0]?.subject).toBe('one');
      expect(second.template('shop', 'invoice')?.content.live[0]?.subject).toBe('two');
      expect(second.version).toBeGreaterThan(first.version);
    });

    it('does not call a disposed listener', async () => {
      let first = 0;
      let second = 0;
      const listening = catalog.onChange(() => first++);
      using _other = catalog.onChange(() => second++);
      listening[Symbol.dispose]();
      await publish(withSubject('one'), (now) => revisionOf(now) === 1);
      await expect.poll(() => second).toBeGreaterThan(0);
      expect(first).toBe(0);
    });

    it('keeps pinned revisions', async () => {
      await publish(withSubject('one'), (now) => revisionOf(now) === 1);
      await publish(withSubject('two'), (now) => revisionOf(now) === 2);
      expect((await catalog.revision('shop', 'invoice', 1))?.content.live[0]?.subject).toBe('one');
      expect((await catalog.revision('shop', 'invoice', 2))?.content.live[0]?.subject).toBe('two');
      for (const [tenant, identifier, revision] of [
        ['shop', 'invoice', 3],
        ['shop', 'invoice', 0],
        ['other', 'invoice', 1],
        ['shop', 'Invoice', 1],
        ['shop', '../invoice', 1],
      ] as const) {
        expect(await catalog.revision(tenant, identifier, revision)).toBeNull();
      }
    });

    it('hides deleted objects, and keeps their revisions', async () => {
      await publish(withSubject('one'), (now) => revisionOf(now) === 1);
      const gone = await publish([senderYaml()], (now) => revisionOf(now) === undefined);
      expect(gone.sender('shop', 'billing')).not.toBeNull();
      expect((await catalog.revision('shop', 'invoice', 1))?.revision).toBe(1);
      await publish(withSubject('two'), (now) => revisionOf(now) === 2);
    });

    it('keeps live revisions, pinned revisions and numbers after a restart', async () => {
      await publish(withSubject('one'), (now) => revisionOf(now) === 1);
      const before = await publish(withSubject('two'), (now) => revisionOf(now) === 2);
      catalog = await subject.reopen();
      expect(catalog.current().template('shop', 'invoice')).toEqual(before.template('shop', 'invoice'));
      expect(catalog.current().sender('shop', 'billing')).toEqual(before.sender('shop', 'billing'));
      expect((await catalog.revision('shop', 'invoice', 1))?.content.live[0]?.subject).toBe('one');
      await publish(withSubject('three'), (now) => revisionOf(now) === 3);
    });

    it('gives a new number to content that returns to an earlier revision', async () => {
      for (const [i, text] of ['one', 'two', 'one'].entries())
        await publish(withSubject(text), (now) => revisionOf(now) === i + 1);
      expect((await catalog.revision('shop', 'invoice', 3))?.content).toEqual(
        (await catalog.revision('shop', 'invoice', 1))?.content,
      );
    });
  });
}
