import { expect, it } from 'vitest';
import { catalogWriterContract } from '../../../test/contract/catalog-writer.ts';
import { compiledSender, compiledTemplate } from '../../../test/contract/sample-catalog.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import type { Key, Keys } from '../../core/secrets/keyring.ts';
import { sealedWith } from '../../core/secrets/seal.ts';
import type { CatalogSource } from '../../ports/catalog-writer.ts';
import { MemoryNotices } from '../memory/notices.ts';
import { SystemRandom } from '../system/random.ts';
import { openCatalog } from './catalog.ts';
import type { ObjectDocument } from './catalog-document.ts';
import { openCatalogWriter } from './catalog-writer.ts';
import type { Mongo } from './connection.ts';

const april: Key = { id: 'april', secret: new Uint8Array(32).fill(4) };
const may: Key = { id: 'may', secret: new Uint8Array(32).fill(5) };

describeWith(['mongo'], 'CatalogWriter in MongoDB', () => {
  const random = new SystemRandom();
  const source: CatalogSource = { kind: 'folder', name: 'test', fence: { term: 0, generation: 1 } };
  const entry = { kind: 'sender', sender: compiledSender({ password: 'open sesame' }) } as const;
  const openWriter = (mongo: Mongo, keys: Keys, notices = new MemoryNotices()) =>
    openCatalogWriter(mongo, { keys, notices, random });
  const openReader = (
    mongo: Mongo,
    keys: Keys | null,
    report: (error: unknown) => void = (error) => expect.fail(String(error)),
  ) => openCatalog(mongo, { keys, notices: new MemoryNotices(), report });

  catalogWriterContract('mongo', async () => {
    const mongo = await openTestMongo('catalog_writer');
    const notices = new MemoryNotices();
    const heard: string[] = [];
    notices.subscribe('catalog.changed', (subject) => heard.push(subject));
    return {
      writer: await openWriter(mongo, [april], notices),
      other: await openWriter(mongo, [april], notices),
      notices: heard,
      async read() {
        await using reader = await openReader(mongo, [april]);
        return reader.current();
      },
      async revision(tenant, identifier, revision) {
        await using reader = await openReader(mongo, [april]);
        return reader.revision(tenant, identifier, revision);
      },
      [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
    };
  });

  const stored = (mongo: Mongo) =>
    mongo.db.collection<ObjectDocument>('catalog').findOne({ _id: 'sender/shop/billing' });

  it('stores logins sealed only, and seals them anew with the active key of a rotation', async () => {
    await using mongo = await openTestMongo('catalog_writer');
    await (await openWriter(mongo, [april])).put(source, entry);
    expect(JSON.stringify(await stored(mongo))).not.toContain('sesame');
    const rotated = await openWriter(mongo, [may, april]);
    expect(await rotated.put(source, entry)).toEqual({ kind: 'updated', revision: 1 });
    expect((await stored(mongo))?.sealed.map(({ value }) => sealedWith(value))).toEqual(['may']);
    expect(await rotated.put(source, entry)).toEqual({ kind: 'unchanged', revision: 1 });
  });

  it.each([
    [
      'its config',
      (document: ObjectDocument) => ({
        config: document.config?.replace('relay.example.net', 'evil.example.net') ?? null,
      }),
    ],
    ['its config, which is no JSON any more,', () => ({ config: '{' })],
    ['its sealed login', () => ({ sealed: [] })],
    ['whether it may send', () => ({ sendable: false })],
    ['its state', () => ({ state: 'removed' as const })],
  ])('writes a sender anew when %s was changed by another hand', async (_, change) => {
    await using mongo = await openTestMongo('catalog_writer');
    const writer = await openWriter(mongo, [april]);
    await writer.put(source, entry);
    const before = await stored(mongo);
    if (before === null) return expect.fail('it is there');
    await mongo.db
      .collection<ObjectDocument>('catalog')
      .updateOne({ _id: before._id }, { $set: change(before) });
    expect(await writer.put(source, entry)).toMatchObject({ kind: expect.stringMatching(/created|updated/) });
    await using reader = await openReader(mongo, [april]);
    expect(reader.current().sender('shop', 'billing')).toMatchObject({
      routes: [{ host: 'relay.example.net', credentials: { password: 'open sesame' } }],
    });
    expect(await writer.put(source, entry)).toMatchObject({ kind: 'unchanged' });
  });

  it('writes a revision anew that was changed by another hand, under its number', async () => {
    await using mongo = await openTestMongo('catalog_writer');
    const writer = await openWriter(mongo, [april]);
    const template = { kind: 'template', template: compiledTemplate() } as const;
    await writer.put(source, template);
    await mongo.db
      .collection<{ _id: string }>('revisions')
      .updateOne({ _id: 'template/shop/invoice@1' }, { $set: { config: '{}' } });
    expect(await writer.put(source, template)).toEqual({ kind: 'updated', revision: 1 });
    await using reader = await openReader(mongo, [april]);
    expect(await reader.revision('shop', 'invoice', 1)).toEqual({ ...template.template, revision: 1 });
  });

  it('passes over the number of a writer that died before it could point to it', async () => {
    await using mongo = await openTestMongo('catalog_writer');
    await mongo.db
      .collection<{ _id: string; hash: string }>('revisions')
      .insertOne({ _id: 'template/shop/invoice@1', hash: 'of another content' });
    const writer = await openWriter(mongo, [april]);
    expect(await writer.put(source, { kind: 'template', template: compiledTemplate() })).toEqual({
      kind: 'created',
      revision: 2,
    });
  });

  it('is read without credentials by a program that does not hold the keys', async () => {
    await using mongo = await openTestMongo('catalog_writer');
    await (await openWriter(mongo, [april])).put(source, entry);
    await using reader = await openReader(mongo, null);
    expect(reader.current().sender('shop', 'billing')?.routes[0]).toMatchObject({
      host: 'relay.example.net',
      credentials: null,
    });
  });

  it('is read without credentials, and with a report, by one that holds the wrong keys', async () => {
    await using mongo = await openTestMongo('catalog_writer');
    await (await openWriter(mongo, [april])).put(source, entry);
    const reports: unknown[] = [];
    await using reader = await openReader(mongo, [may], (error) => reports.push(error));
    expect(reader.current().sender('shop', 'billing')?.routes[0]?.credentials).toBeNull();
    expect(reports).toEqual([
      expect.objectContaining({ kind: 'internal', message: expect.stringContaining('sender/shop/billing') }),
    ]);
  });
});
