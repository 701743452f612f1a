// A route whose access token the server refuses: what waiting mail says, and when it goes on.

import { afterEach, expect, test } from 'vitest';
import { newMessageId, sampleMessage } from '../../test/contract/sample-message.ts';
import { catalogOf, sampleSender } from '../../test/simulation/catalog.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { MemoryBudgets } from '../adapters/memory/budgets.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { SeededRandom } from '../adapters/memory/random.ts';
import { MemorySuppressionStore } from '../adapters/memory/suppression-store.ts';
import { MemoryWorkQueue } from '../adapters/memory/work-queue.ts';
import type { Sender } from '../core/catalog/catalog.ts';
import { laneOf } from '../core/delivery/pacing/lane.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { queueLimits } from '../core/limits/queue.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { Report } from '../ports/transport.ts';
import { dispatch } from './dispatch.ts';
import { SigningKeys } from './sign.ts';
import { Tally } from './tally.ts';

const senderWith = (accessToken: string): Sender => {
  const sender = sampleSender([]);
  const credentials = { username: 'ana', accessToken, tenant: sender.tenant, sender: sender.name };
  return {
    ...sender,
    routes: [{ name: 'relay', host: 'relay.example', port: 587, tls: 'StartTLS', credentials, ca: null }],
  };
};
const said = (answer: Partial<Report>): Report => ({
  kind: 'accepted',
  stage: 'dot',
  reason: null,
  code: null,
  enhanced: null,
  text: '',
  host: 'relay.example',
  source: null,
  tls: null,
  timings: { open: null, envelope: null, body: null, dot: null },
  transcript: null,
  ...answer,
});

let stop = async (): Promise<void> => {};
afterEach(() => stop());

test('waiting mail says why, and a new token ends the pause', async () => {
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  const queue = new MemoryWorkQueue(clock);
  const tally = new Tally();
  const { catalog, replace } = catalogOf([senderWith('old')]);
  let logins = 0;
  const ending = new AbortController();
  const dispatching = dispatch(
    {
      messages,
      queue,
      clock,
      catalog,
      tally,
      blobs: new MemoryBlobStore(clock),
      random: new SeededRandom(1),
      suppressions: new MemorySuppressionStore(),
      budgets: new MemoryBudgets(clock),
      transport: {
        open: async ({ credentials }) => {
          logins += 1;
          if (credentials?.accessToken === 'old')
            return said({
              kind: 'refused',
              stage: 'auth',
              code: 535,
              enhanced: '5.7.8',
              text: 'ana@a.example',
            });
          return {
            kind: 'session',
            send: async ({ beforeDot }) =>
              (await beforeDot()) ? said({ code: 250 }) : said({ kind: 'fenced' }),
            [Symbol.asyncDispose]: async () => {},
          };
        },
        [Symbol.asyncDispose]: async () => {},
      },
      templates: new CompiledTemplates(),
      signingKeys: new SigningKeys(),
      suppressionKeys: [{ id: 'k1', secret: new Uint8Array(32).fill(7) }],
      returnKey: new Uint8Array(32).fill(9),
      relay: null,
      metrics: {
        claimed: () => {},
        attempt: () => {},
        delivered: () => {},
        firstReply: () => {},
        inFlight: () => {},
        held: () => {},
      },
      report: (what, error) => {
        throw new Error(what, { cause: error });
      },
    },
    { take: ending.signal, stop: ending.signal },
  );
  stop = async () => {
    ending.abort();
    let isOver = false;
    void dispatching.then(() => {
      isOver = true;
    });
    while (!isOver) await clock.advance(1_000);
  };
  /** Accepts a message and waits until its delivery is in the state, or held. */
  const outcomeOf = async (state: 'held' | 'delivered') => {
    const now = clock.now();
    const message = sampleMessage({
      id: newMessageId(now),
      createdAt: now,
      deliveries: [{ to: 'ben@example.com', wakeAt: now + queueLimits.republishMs }],
    });
    await messages.insert([message]);
    const entry = { message: message.id, delivery: 0, attempt: 1, domain: 'example.com', trace: null };
    await queue.publish([{ ...laneOf(message), entry }]);
    for (let turns = 0; turns < 100; turns++) {
      await clock.advance(10);
      const delivery = (await messages.find([message.id]))[0]?.deliveries[0];
      if (delivery !== undefined && (state === 'held' ? delivery.hold !== null : delivery.state === state))
        return delivery;
    }
    return expect.fail(`the delivery is not ${state}`);
  };

  const hold = { reason: 'route', message: 'relay: the server replied 535 5.7.8 to AUTH' };
  const tried = await outcomeOf('held');
  expect(tried).toMatchObject({ state: 'queued', attempt: 1, tries: 1, hold });
  const planned = await outcomeOf('held');
  expect(planned).toMatchObject({ state: 'queued', tries: 0, lastReply: null, hold });
  expect(logins).toBe(1);
  expect(tally.take()).toMatchObject([
    { pausedRoutes: { relay: { reason: 'auth', message: 'the server replied 535 5.7.8 to AUTH' } } },
  ]);

  const before = clock.now();
  replace([senderWith('new')]);
  expect(await outcomeOf('delivered')).toMatchObject({ tries: 1, hold: null });
  expect(clock.now() - before).toBeLessThan(dispatchLimits.routePausedMs);
});
