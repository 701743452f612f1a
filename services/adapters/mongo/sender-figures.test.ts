import { senderFiguresContract } from '../../../test/contract/sender-figures.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { openSenderFigures } from './sender-figures.ts';

describeWith(['mongo'], 'SenderFiguresStore in MongoDB', () => {
  senderFiguresContract('mongo', async () => {
    const mongo = await openTestMongo('sender-figures');
    const documents = mongo.db.collection<{ _id: string; tenant: string; sender: string; slot: Date }>(
      'senderFigures',
    );
    return {
      store: await openSenderFigures(mongo),
      another: await openSenderFigures(mongo),
      async age(ms) {
        for (const { _id, ...rest } of await documents.find().toArray()) {
          const slot = new Date(rest.slot.getTime() - ms);
          await documents.deleteOne({ _id });
          await documents.insertOne({
            ...rest,
            _id: `${rest.tenant}/${rest.sender}/${slot.getTime()}`,
            slot,
          });
        }
      },
      [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose](),
    };
  });
});
