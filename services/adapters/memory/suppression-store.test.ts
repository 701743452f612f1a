import { suppressionStoreContract } from '../../../test/contract/suppression-store.ts';
import { MemorySuppressionStore } from './suppression-store.ts';

suppressionStoreContract('memory', async () => {
  const store = new MemorySuppressionStore();
  return { store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});
