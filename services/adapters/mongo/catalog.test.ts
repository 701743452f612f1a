import { expect, it } from 'vitest';
import { catalogContract } from '../../../test/contract/catalog.ts';
import { compiledOf, senderYaml } from '../../../test/contract/sample-catalog.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { senderKey, templateKey } from '../../core/catalog/catalog.ts';
import { catalogLimits } from '../../core/limits/catalog.ts';
import type { Keys } from '../../core/secrets/keyring.ts';
import type { Catalog } from '../../ports/catalog.ts';
import { MemoryNotices } from '../memory/notices.ts';
import { SystemRandom } from '../system/random.ts';
import { openCatalog } from './catalog.ts';
import type { ObjectDocument } from './catalog-document.ts';
import { openCatalogWriter } from './catalog-writer.ts';

const keys: Keys = [{ id: 'k1', secret: new Uint8Array(32).fill(1) }];

/** A catalog with somebody who writes into it, as `packetboat catalog apply` does. */
async function setUp() {
  const mongo = await openTestMongo('catalog');
  const notices = new MemoryNotices();
  const writer = await openCatalogWriter(mongo, { notices, keys, random: new SystemRandom() });
  const opened: Catalog[] = [];
  let generation = 0;
  return {
    mongo,
    notices,
    async open() {
      const catalog = await openCatalog(mongo, {
        notices,
        keys,
        report: (error) => expect.fail(String(error)),
      });
      opened.push(catalog);
      return catalog;
    },
    async publish(...objects: readonly string[]) {
      const { senders, templates } = compiledOf(objects.join('---\n'));
      const source = { kind: 'folder', name: 'test', fence: { term: 0, generation: ++generation } } as const;
      for (const sender of senders) await writer.put(source, { kind: 'sender', sender });
      for (const template of templates) await writer.put(source, { kind: 'template', template });
      const present = [
        ...senders.map(({ tenant, name }) => senderKey(tenant, name)),
        ...templates.map((t) => templateKey(t.tenant, t.identifier)),
      ];
      await writer.prune(source, new Set(present));
    },
    async [Symbol.asyncDispose]() {
      for (const catalog of opened) await catalog[Symbol.asyncDispose]();
      await mongo[Symbol.asyncDispose]();
    },
  };
}

describeWith(['mongo'], 'Catalog in MongoDB', () => {
  catalogContract('mongo', async () => {
    const setup = await setUp();
    return {
      catalog: await setup.open(),
      publish: setup.publish,
      reopen: setup.open,
      [Symbol.asyncDispose]: () => setup[Symbol.asyncDispose](),
    };
  });

  it('sees a change that is dated a while back, as by a writer whose clock is slow', async () => {
    await using setup = await setUp();
    await setup.publish(senderYaml(), senderYaml({ name: 'slow' }));
    const catalog = await setup.open();
    const { version } = catalog.current();
    const objects = setup.mongo.db.collection<ObjectDocument>('catalog');
    const slow = setup.mongo.now() - catalogLimits.catalogOverlapMs + 5_000;
    await objects.updateOne({ _id: 'sender/shop/slow' }, { $set: { state: 'removed', updatedAt: slow } });
    setup.notices.publish('catalog.changed.sender.shop.slow');
    await expect.poll(() => catalog.current().sender('shop', 'slow')).toBeNull();
    expect(catalog.current().version).toBe(version + 1);
  });

  it('shows no change when there is none to see', async () => {
    await using setup = await setUp();
    await setup.publish(senderYaml());
    const catalog = await setup.open();
    const before = catalog.current();
    // the same by a newer generation: only the fence is raised
    await setup.publish(senderYaml());
    setup.notices.publish('catalog.changed.sender.shop.billing');
    await setup.publish(senderYaml(), senderYaml({ name: 'other' }));
    await expect.poll(() => catalog.current().sender('shop', 'other')).not.toBeNull();
    expect(catalog.current().version).toBe(before.version + 1);
  });
});
