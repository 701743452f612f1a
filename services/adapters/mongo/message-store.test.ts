import { messageStoreContract } from '../../../test/contract/message-store.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { openMessageStore } from './message-store.ts';

describeWith(['mongo'], 'MessageStore in MongoDB', () => {
  messageStoreContract('mongo', async () => {
    const mongo = await openTestMongo('messages');
    let elapsed = 0;
    const open = () => openMessageStore(mongo, () => mongo.now() + elapsed);
    return {
      store: await open(),
      reopen: open,
      elapse: async (ms) => {
        elapsed += ms;
      },
      [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
    };
  });
});
