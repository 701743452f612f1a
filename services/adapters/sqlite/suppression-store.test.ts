import { suppressionStoreContract } from '../../../test/contract/suppression-store.ts';
import { openTemporary } from './database.fixture.ts';
import { SqliteSuppressionStore } from './suppression-store.ts';

suppressionStoreContract('sqlite', async () => {
  const temporary = await openTemporary();
  return {
    store: new SqliteSuppressionStore(temporary.database()),
    reopen: async () => new SqliteSuppressionStore(await temporary.reopen()),
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
});
