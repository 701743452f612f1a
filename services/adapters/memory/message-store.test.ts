import { messageStoreContract } from '../../../test/contract/message-store.ts';
import { ManualClock } from './clock.ts';
import { MemoryMessageStore } from './message-store.ts';

messageStoreContract('memory', async () => {
  const clock = new ManualClock();
  const store = new MemoryMessageStore(clock);
  return {
    store,
    elapse: (ms) => clock.advance(ms),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});
