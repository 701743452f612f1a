import { afterAll, beforeAll, expect, it } from 'vitest';
import { uniqueName } from '../../../test/support/backend.ts';
import { borrow, describeWith } from '../../../test/support/describe-with.ts';
import { inDatabase } from '../../../test/support/start-cluster.ts';
import type { SenderFigures } from '../../ports/sender-figures.ts';
import { type Mongo, openMongo } from './connection.ts';
import { openSenderFigures } from './sender-figures.ts';

const figures = (more: Partial<SenderFigures>): SenderFigures => ({
  ...{ tenant: 'shop', sender: 'billing', sent: 0, deferred: 0, bounced: 0, lastReply: null, pausedRoutes: {} },
  ...more,
});

describeWith(['mongo'], 'figures of senders in MongoDB', () => {
  const open = new AsyncDisposableStack();
  let mongo: Mongo;

  beforeAll(async () => {
    mongo = open.use(await openMongo(inDatabase((await borrow('mongo')).url, uniqueName('figures'))));
    open.defer(async () => void (await mongo.db.dropDatabase()));
  });
  afterAll(() => open.disposeAsync());

  it('adds what several dispatchers tell, for each sender', async () => {
    const [one, two] = [await openSenderFigures(mongo), await openSenderFigures(mongo)];
    const early = { at: 5, code: 250, enhanced: null };
    const late = { at: 9, code: 451, enhanced: '4.3.0' };
    await one.add([]);
    await one.add([
      figures({ sent: 3, lastReply: early, pausedRoutes: { relay: 70, 'spare.example': 20 } }),
      figures({ tenant: 'other', bounced: 1 }),
    ]);
    await two.add([figures({ sent: 2, deferred: 1, lastReply: late, pausedRoutes: { relay: 50 } })]);
    expect(await one.lastHour()).toEqual(
      expect.arrayContaining([
        figures({ sent: 5, deferred: 1, lastReply: late, pausedRoutes: { relay: 70, 'spare.example': 20 } }),
        figures({ tenant: 'other', bounced: 1 }),
      ]),
    );
  });

  it('leaves out what is older, and sums what is not', async () => {
    const store = await openSenderFigures(mongo);
    const documents = mongo.db.collection<{ _id: string; slot: Date }>('senderFigures');
    const [, ...rest] = await documents.find({ sender: 'billing', tenant: 'shop' } as object).toArray();
    expect(rest.length).toBeLessThanOrEqual(1); // the slot may have changed meanwhile
    await documents.updateMany({ tenant: 'shop' } as object, { $set: { slot: new Date(Date.now() - 3_700_000) } });
    await store.add([figures({ sender: 'news', sent: 1 })]);
    expect(await store.lastHour()).not.toContainEqual(expect.objectContaining({ sender: 'billing', tenant: 'shop' }));
    await documents.updateMany({ tenant: 'shop', sender: 'billing' } as object, { $set: { slot: new Date(Date.now() - 1_800_000) } });
    expect(await store.lastHour()).toContainEqual(expect.objectContaining({ sender: 'billing', sent: 5 }));
  });
});
