import { keyStoreContract } from '../../../test/contract/key-store.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { openKeyStore } from './key-store.ts';

describeWith(['mongo'], 'KeyStore in MongoDB', () => {
  keyStoreContract('mongo', async () => {
    const mongo = await openTestMongo('key-store');
    const open = async () => openKeyStore(mongo);
    return { store: await open(), reopen: open, [Symbol.asyncDispose]: () => mongo[Symbol.asyncDispose]() };
  });
});
