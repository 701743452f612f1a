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
import { claim, fallDue } from '../core/delivery/delivery.ts';
import { viewOf } from '../core/delivery/message.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { Report } from '../ports/transport.ts';
import { deliver } from './deliver.ts';
import { DeliveryInHand } from './delivery-in-hand.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { PausedRoutes } from './paused-routes.ts';
import { SigningKeys } from './sign.ts';

const MINUTE = 60_000;
const sender = sampleSender([MINUTE, MINUTE, MINUTE]);
const [route] = sender.routes;

type Told = Pick<Report, 'kind'> & Partial<Report>;
const accepted: Told = { kind: 'accepted', stage: 'dot', code: 250 };
const busy: Told = { kind: 'refused', stage: 'rcpt', code: 451, enhanced: '4.3.2' };
const noMailbox: Told = { kind: 'refused', stage: 'rcpt', code: 550, enhanced: '5.1.1' };
const dropped: Told = { kind: 'lost', stage: 'body', reason: 'dropped' };
const unreachable: Told = { kind: 'fault', stage: 'dial', reason: 'connect' };

/**
 * One delivery of tier `high`, tried a minute after it was accepted and then each minute, with
 * these reports of the transport. Answers what was told of time, in seconds.
 */
async function tried(
  reports: readonly Told[],
  more: { readonly scheduledInMs?: number; readonly loseLease?: boolean } = {},
) {
  if (route === undefined) throw new Error('the sender has a route');
  const clock = new ManualClock();
  const messages = new MemoryMessageStore(clock);
  const told: string[] = [];
  let next = 0;
  const d: Dispatcher = {
    messages,
    clock,
    queue: new MemoryWorkQueue(clock),
    blobs: new MemoryBlobStore(clock),
    random: new SeededRandom(1),
    catalog: catalogOf([sender]).catalog,
    suppressions: new MemorySuppressionStore(),
    budgets: new MemoryBudgets(clock),
    transport: {
      open: async () => ({
        kind: 'session',
        send: async ({ body, beforeDot }) => {
          for await (const _ of body);
          const report = { ...blank, ...reports[next] };
          if (report.stage === 'dot') await beforeDot();
          return report;
        },
        [Symbol.asyncDispose]: async () => {},
      }),
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
      delivered: (tier, ms) => void told.push(`delivered ${tier} ${ms / 1_000}`),
      firstReply: (tier, ms) => void told.push(`first reply ${tier} ${ms / 1_000}`),
    },
    report: () => {},
  };
  const now = messages.now();
  const message = sampleMessage({
    createdAt: now,
    tier: 'high',
    scheduledAt: now + (more.scheduledInMs ?? 0),
  });
  await messages.insert([message]);
  const signals = { stop: new AbortController().signal, paused: new PausedRoutes() };
  for (; next < reports.length; next++) {
    await clock.advance(MINUTE * (next === 0 ? 1 : 2));
    const read = async () => (await messages.find([message.id]))[0] ?? expect.fail('the message is there');
    const due = fallDue(viewOf(await read(), 0), messages.now());
    if (due !== null) await messages.apply([due]);
    const { attempt } = viewOf(await read(), 0).delivery;
    const change = claim(viewOf(await read(), 0), {
      attempt,
      now: messages.now(),
      leaseId: 'lease',
      route: route.name,
    });
    await messages.apply([change ?? expect.fail(`the delivery can be claimed for report ${next}`)]);
    const hand = new DeliveryInHand(d, {
      message: await read(),
      index: 0,
      leaseId: more.loseLease ? 'another lease' : 'lease',
      claimedAt: clock.monotonic(),
    });
    await deliver(d, { hand, sender, route }, signals);
  }
  return told;
}

const blank: Report = {
  kind: 'refused',
  stage: 'rcpt',
  reason: null,
  code: null,
  enhanced: null,
  text: '',
  host: 'mx1.example',
  source: null,
  tls: null,
  timings: { open: null, envelope: null, body: null, dot: null },
  transcript: null,
};

test.each<[string, readonly Told[], readonly string[]]>([
  ['taken at once', [accepted], ['first reply high 60', 'delivered high 60']],
  ['refused for good', [noMailbox], ['first reply high 60']],
  ['taken after a refusal', [busy, accepted], ['first reply high 60', 'delivered high 180']],
  ['refused twice', [busy, busy], ['first reply high 60']],
  ['taken after nobody said anything', [dropped, accepted], ['first reply high 180', 'delivered high 180']],
  ['taken after a fault of ours', [unreachable, accepted], ['first reply high 180', 'delivered high 180']],
  [
    'taken after a refusal and a silence',
    [busy, dropped, accepted],
    ['first reply high 60', 'delivered high 300'],
  ],
])('the times of a delivery that is %s', async (_, reports, told) => {
  expect(await tried(reports)).toEqual(told);
});

test('count from the time at which mail was to go, when that is later than its acceptance', async () => {
  expect(await tried([accepted], { scheduledInMs: 45_000 })).toEqual([
    'first reply high 15',
    'delivered high 15',
  ]);
});

test('are told by the dispatcher that records the outcome, and by no other', async () => {
  expect(await tried([accepted], { loseLease: true })).toEqual([]);
});
