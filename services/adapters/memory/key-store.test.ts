import { keyStoreContract } from '../../../test/contract/key-store.ts';
import { MemoryKeyStore } from './key-store.ts';

keyStoreContract('memory', async () => {
  const store = new MemoryKeyStore();
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});
