import { expect, it } from 'vitest';
import { type SampleDelivery, sampleMessage } from '../../test/contract/sample-message.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import type { Caller } from '../core/access/caller.ts';
import type { Failure } from '../core/failure.ts';
import { cancelMessage } from './cancel-message.ts';

const caller: Caller = {
  keyId: 'key_1',
  tenant: 'default',
  scopes: ['messages:send'],
  environment: 'live',
  senders: [],
  requestsPerMinute: 100,
  expiresAt: null,
  reach: { environments: null, senders: null },
};
const waiting: SampleDelivery = { state: 'deferred' };
const sent: SampleDelivery = { state: 'delivered', wakeAt: null };
const unknown: SampleDelivery = { state: 'unknown', wakeAt: null };
const sentTwice: SampleDelivery = { ...sent, maybeSent: true };

// the second call finds the deliveries that the first call has cancelled
it.each<[string, string, readonly SampleDelivery[]]>([
  ['waits', 'cancelled', [waiting]],
  ['waits beside one that was sent', 'cancelled', [sent, waiting]],
  ['was sent', 'already_sent', [sent]],
  ['ended unknown', 'already_sent', [unknown]],
  ['waits beside one that ended unknown', 'in_flight', [unknown, waiting]],
  ['waits beside one of which a second copy may arrive', 'in_flight', [sentTwice, waiting]],
  ['waits beside one that may have been sent', 'in_flight', [{ ...waiting, maybeSent: true }, waiting]],
])('a message with a delivery that %s is %s, also when cancelled again', async (_, result, deliveries) => {
  const messages = new MemoryMessageStore(new ManualClock());
  const to = deliveries.map((delivery, i) => ({ to: `r${i}@example.com`, ...delivery }));
  const message = sampleMessage({ createdAt: messages.now(), deliveries: to });
  await messages.insert([message]);
  for (let call = 1; call <= 2; call += 1) {
    const told = await cancelMessage({ messages }, caller, message.id).then(
      () => 'cancelled',
      (failure: Failure) => failure.code,
    );
    expect(told).toBe(result);
  }
  const states = (await messages.find([message.id]))[0]?.deliveries.map(({ state }) => state);
  const cancellable = deliveries.map((d) => (d === waiting ? 'cancelled' : d.state));
  expect(states).toEqual(cancellable);
});
