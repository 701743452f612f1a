import { suppressionStoreContract } from '../../../test/contract/suppression-store.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { openSuppressionStore } from './suppression-store.ts';

describeWith(['mongo'], 'SuppressionStore in MongoDB', () => {
  suppressionStoreContract('mongo', async () => {
    const mongo = await openTestMongo('suppression-store');
    const open = async () => openSuppressionStore(mongo);
    return { store: await open(), reopen: open, [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose]() };
  });
});
