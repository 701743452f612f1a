import { expect, it } from 'vitest';
import { dueDeliveriesContract } from '../../../test/contract/due-deliveries.ts';
import { messageListContract } from '../../../test/contract/message-list.ts';
import { messageStoreContract } from '../../../test/contract/message-store.ts';
import { sampleMessage } from '../../../test/contract/sample-message.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { laneOf } from '../../core/delivery/pacing/lane.ts';
import { openMessageStore } from './message-store.ts';

async function open() {
  const mongo = await openTestMongo('messages');
  let elapsed = 0;
  const reopen = () => openMessageStore(mongo, () => mongo.now() + elapsed);
  return {
    collection: mongo.db.collection('messages'),
    store: await reopen(),
    reopen,
    elapse: async (ms: number) => {
      elapsed += ms;
    },
    [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
  };
}

describeWith(['mongo'], 'MessageStore in MongoDB', () => {
  messageStoreContract('mongo', open);
  dueDeliveriesContract('mongo', open);
  messageListContract('mongo', open);

  it('finds the backlogs that an earlier version stored without their senders', async () => {
    await using opened = await open();
    const { store, collection } = opened;
    const before = store.now();
    const lanes = (['acme', 'news'] as const).map((sender) => ({
      tenant: 'default',
      tier: 'normal' as const,
      sender,
    }));
    await store.insert(lanes.map((lane) => sampleMessage({ ...lane, createdAt: before })));
    await collection.updateMany({}, { $set: { lane: 'default\nnormal' } });
    expect(await store.backlogs(before)).toEqual(lanes);
    for (const lane of lanes)
      expect((await store.unpublished(lane, before, 10)).map(({ message }) => laneOf(message))).toEqual([
        lane,
      ]);
  });
});
