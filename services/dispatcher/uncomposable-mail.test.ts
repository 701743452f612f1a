import { expect, test } from 'vitest';
import { sampleMessage } from '../../test/contract/sample-message.ts';
import { catalogOf, sampleSender } from '../../test/simulation/catalog.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { MemoryBudgets } from '../adapters/memory/budgets.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { SeededRandom } from '../adapters/memory/random.ts';
import { MemorySuppressionStore } from '../adapters/memory/suppression-store.ts';
import { MemoryWorkQueue } from '../adapters/memory/work-queue.ts';
import type { TemplateRevision } from '../core/catalog/catalog.ts';
import { claim } from '../core/delivery/delivery.ts';
import { viewOf } from '../core/delivery/message.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import { revision } from '../core/template/revision.fixture.ts';
import { deliver } from './deliver.ts';
import { DeliveryInHand } from './delivery-in-hand.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { PausedRoutes } from './paused-routes.ts';
import { SigningKeys } from './sign.ts';

const blank = revision({ html: '{{#if x}}x{{/if}}', text: '{{x}}\u200b' });
const large = revision({ html: null, text: 'x'.repeat(2_000) });

test.each<[string, TemplateRevision, string, string | null]>([
  ['whose parts are blank after rendering', blank, 'content', null],
  ['that is larger than its sender allows', large, 'too_large', '5.3.4'],
])('a mail %s bounces without a connection', async (_, template, category, enhanced) => {
  const sample = sampleSender([60_000]);
  const sender = { ...sample, limits: { ...sample.limits, maxMessageBytes: 2_000 } };
  const [route = expect.fail('the sender has a route')] = sender.routes;
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  const d: Dispatcher = {
    messages,
    clock,
    queue: new MemoryWorkQueue(clock),
    blobs: new MemoryBlobStore(clock),
    random: new SeededRandom(1),
    catalog: {
      ...catalogOf([sender]).catalog,
      revision: async () => template,
    },
    suppressions: new MemorySuppressionStore(),
    budgets: new MemoryBudgets(clock),
    transport: {
      open: async () => expect.fail('a connection was opened'),
      [Symbol.asyncDispose]: async () => {},
    },
    templates: new CompiledTemplates(),
    signingKeys: new SigningKeys(),
    suppressionKeys: [],
    returnKey: new Uint8Array(32).fill(9),
    relay: null,
    metrics: {
      claimed: () => {},
      held: () => {},
      attempt: () => {},
      inFlight: () => {},
      delivered: () => {},
      firstReply: () => {},
    },
    report: () => {},
  };
  const base = sampleMessage({ createdAt: messages.now() });
  const message = {
    ...base,
    content: {
      ...base.content,
      template: { identifier: 'test', revision: 1, language: null },
      templateData: null,
      html: null,
      text: null,
    },
  };
  await messages.insert([message]);
  const read = async () => (await messages.find([message.id]))[0] ?? expect.fail('the message is there');
  const change = claim(viewOf(await read(), 0), {
    attempt: viewOf(await read(), 0).delivery.attempt,
    now: messages.now(),
    leaseId: 'lease',
    route: route.name,
  });
  await messages.apply([change ?? expect.fail('the delivery can be claimed')]);
  const hand = new DeliveryInHand(d, {
    message: await read(),
    index: 0,
    leaseId: 'lease',
    claimedAt: clock.monotonic(),
  });
  const signals = { stop: new AbortController().signal, paused: new PausedRoutes() };
  await deliver(d, { hand, sender, route }, signals);
  const { deliveries, events } = await read();
  expect(deliveries[0]).toMatchObject({ state: 'bounced', lastReply: { stage: 'render', enhanced } });
  expect(events.at(-1)).toMatchObject({ type: 'bounced', data: { category, stage: 'render' } });
});
