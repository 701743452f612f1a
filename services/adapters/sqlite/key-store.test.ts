import { keyStoreContract } from '../../../test/contract/key-store.ts';
import { openTemporary } from './database.fixture.ts';
import { SqliteKeyStore } from './key-store.ts';

keyStoreContract('sqlite', async () => {
  const temporary = await openTemporary();
  return {
    store: new SqliteKeyStore(temporary.database()),
    reopen: async () => new SqliteKeyStore(await temporary.reopen()),
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
});
