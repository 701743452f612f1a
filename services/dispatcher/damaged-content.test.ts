// Stored content that is damaged, truncated or gone: no final dot reaches the SMTP server, and the
// delivery ends with a reason after its schedule.

import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { newBlobId, sampleMessage } from '../../test/contract/sample-message.ts';
import { catalogOf, sampleSender } from '../../test/simulation/catalog.ts';
import { startSink } from '../../test/support/smtp-sink.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { MemoryBudgets } from '../adapters/memory/budgets.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { SeededRandom } from '../adapters/memory/random.ts';
import { MemorySuppressionStore } from '../adapters/memory/suppression-store.ts';
import { MemoryWorkQueue } from '../adapters/memory/work-queue.ts';
import { createSmtpTransport } from '../adapters/smtp/transport.ts';
import type { Route, Sender } from '../core/catalog/catalog.ts';
import { claim, fallDue } from '../core/delivery/delivery.ts';
import { type Content, type Message, viewOf } from '../core/delivery/message.ts';
import type { BlobId } from '../core/ids.ts';
import { type Cidr, parseCidr } from '../core/network/dialable.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import { deliver } from './deliver.ts';
import { DeliveryInHand } from './delivery-in-hand.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { PausedRoutes } from './paused-routes.ts';
import { SigningKeys } from './sign.ts';

const MINUTE = 60_000;
const ATTEMPTS = 3;
const BYTES = 200_000;

const { privateKey } = generateKeyPairSync('ed25519');
const unsigned = sampleSender(Array.from({ length: ATTEMPTS - 1 }, () => MINUTE));
const signed: Sender = {
  ...unsigned,
  dkim: [
    {
      selector: 'e1',
      algorithm: 'ed25519-sha256',
      privateKey: String(privateKey.export({ format: 'pem', type: 'pkcs8' })),
      fingerprint: 'e1',
    },
  ],
};

const damages: Readonly<Record<string, (blobs: MemoryBlobStore, id: BlobId) => Promise<void> | void>> = {
  'with a changed first byte': (blobs, id) => blobs.flip(id, 0),
  'with a changed last byte': (blobs, id) => blobs.flip(id, BYTES - 1),
  truncated: (blobs, id) => blobs.truncate(id),
  missing: (blobs, id) => blobs.delete([id]),
};

const asAttachment = (blob: BlobId): Partial<Content> => ({
  attachments: [
    {
      ...{ filename: 'a.txt', contentType: 'text/plain', contentId: null, disposition: 'attachment' },
      ...{ blob, bytes: BYTES },
    },
  ],
});
const asText = (blob: BlobId): Partial<Content> => ({ text: { blob, bytes: BYTES }, html: null });

/** Only an attachment of a mail without a signature is first read while it is sent. */
const places = [
  { place: 'an attachment', sender: unsigned, contentOf: asAttachment, stage: 'body' },
  { place: 'an attachment of signed mail', sender: signed, contentOf: asAttachment, stage: 'render' },
  { place: 'a text', sender: unsigned, contentOf: asText, stage: 'render' },
] as const;

const cases = places.flatMap((place) =>
  Object.entries(damages).map(([damage, inflict]) => ({ ...place, damage, inflict })),
);

test.each(cases)(
  '$place $damage: no final dot, and the delivery bounces at the end of its schedule',
  async ({ sender: base, contentOf, inflict, stage }) => {
    await using sink = await startSink();
    const route: Route = {
      ...{ name: 'sink', host: '127.0.0.1', port: sink.port, tls: 'None' },
      ...{ credentials: null, ca: null },
    };
    const sender: Sender = { ...base, routes: [route] };
    const clock = new ManualClock();
    const messages = new MemoryMessageStore(clock);
    const blobs = new MemoryBlobStore(clock);
    const loopback = parseCidr('127.0.0.0/8');
    await using transport = createSmtpTransport({
      allowed: [loopback].filter((range): range is Cidr => range !== null),
      operatorRelay: null,
    });
    const reported: string[] = [];
    const d: Dispatcher = {
      ...{ messages, blobs, clock, transport, random: new SeededRandom(1) },
      queue: new MemoryWorkQueue(clock),
      catalog: catalogOf([sender]).catalog,
      suppressions: new MemorySuppressionStore(),
      budgets: new MemoryBudgets(clock),
      templates: new CompiledTemplates(),
      signingKeys: new SigningKeys(),
      suppressionKeys: [],
      returnKey: new Uint8Array(32).fill(9),
      relay: null,
      metrics: {
        ...{ claimed: () => {}, held: () => {}, attempt: () => {}, inFlight: () => {} },
        ...{ delivered: () => {}, firstReply: () => {} },
      },
      report: (what) => void reported.push(what),
    };
    const blob = newBlobId(messages.now());
    const sample = sampleMessage({ createdAt: messages.now() });
    await blobs.put(
      blob,
      'default',
      (async function* () {
        for (let i = 0; i < BYTES / 1_000; i++) yield Buffer.from(`${'x'.repeat(998)}\r\n`);
      })(),
    );
    await messages.insert([
      { ...sample, content: { ...sample.content, template: null, ...contentOf(blob) } },
    ]);
    await inflict(blobs, blob);

    const read = async (): Promise<Message> =>
      (await messages.find([sample.id]))[0] ?? expect.fail('the message is there');
    const states: string[] = [];
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const due = fallDue(viewOf(await read(), 0), messages.now());
      if (due !== null) await messages.apply([due]);
      const change = claim(viewOf(await read(), 0), {
        attempt: viewOf(await read(), 0).delivery.attempt,
        now: messages.now(),
        leaseId: 'lease',
        route: route.name,
      });
      await messages.apply([change ?? expect.fail(`attempt ${attempt} can be claimed`)]);
      const hand = new DeliveryInHand(d, {
        message: await read(),
        index: 0,
        leaseId: 'lease',
        claimedAt: clock.monotonic(),
      });
      const signals = { stop: new AbortController().signal, paused: new PausedRoutes() };
      await deliver(d, { hand, sender, route }, signals);
      states.push((await read()).deliveries[0]?.state ?? 'none');
      await clock.advance(2 * MINUTE);
    }

    expect(states).toEqual([...Array.from({ length: ATTEMPTS - 1 }, () => 'deferred'), 'bounced']);
    const { deliveries, events } = await read();
    expect(deliveries[0]?.lastReply).toMatchObject({
      stage,
      text: expect.stringContaining('stored content is'),
    });
    expect(events.at(-1)).toMatchObject({ type: 'bounced', data: { category: 'body', stage } });
    expect(sink.counts).toMatchObject({
      mails: 0,
      reached: { body: stage === 'body' ? ATTEMPTS : 0, dot: 0 },
    });
    expect(reported).toHaveLength(ATTEMPTS);
  },
);
