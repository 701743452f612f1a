import { dueDeliveriesContract } from '../../../test/contract/due-deliveries.ts';
import { messageListContract } from '../../../test/contract/message-list.ts';
import { messageStoreContract } from '../../../test/contract/message-store.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { openMessageStore } from './message-store.ts';

async function open() {
  const mongo = await openTestMongo('messages');
  let elapsed = 0;
  const reopen = () => openMessageStore(mongo, () => mongo.now() + elapsed);
  return {
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
});
