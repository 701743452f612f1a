import { dueDeliveriesContract } from '../../../test/contract/due-deliveries.ts';
import { lostEntriesContract } from '../../../test/contract/lost-entries.ts';
import { messageListContract } from '../../../test/contract/message-list.ts';
import { messageStoreContract } from '../../../test/contract/message-store.ts';
import { ManualClock } from './clock.ts';
import { MemoryMessageStore } from './message-store.ts';

const open = async () => {
  const clock = new ManualClock();
  const store = new MemoryMessageStore(clock);
  return {
    store,
    elapse: (ms: number) => clock.advance(ms),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
};

messageStoreContract('memory', open);
dueDeliveriesContract('memory', open);
messageListContract('memory', open);
lostEntriesContract('memory', open);
