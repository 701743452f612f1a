import { describe, expect, test } from 'vitest';
import { type MemoryIngest, memoryIngest } from '../../test/support/memory-ingest.ts';
import { MemoryBlobStore } from '../adapters/memory/blob-store.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { MemoryWorkQueue } from '../adapters/memory/work-queue.ts';
import { emptyRequest } from '../core/accept/send-request.fixture.ts';
import type { SendRequest } from '../core/accept/send-request.ts';
import { accessRules } from '../core/access/access-rules.ts';
import { SCOPE_ALL, suppressionHashes } from '../core/access/suppression.ts';
import { isRefusal, parseAddress } from '../core/address.ts';
import type { Sender } from '../core/catalog/catalog.ts';
import { snapshotOf } from '../core/catalog/snapshot.ts';
import type { Message, NewMessage } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { blobId, ID_RANDOM_BYTES, messageId } from '../core/ids.ts';
import { queueLimits } from '../core/limits/queue.ts';
import type { Inserted } from '../ports/message-store.ts';
import type { NewEntry, PublishResult } from '../ports/work-queue.ts';
import type { Ingest } from './ingest-parts.ts';
import { type AnsweredSend, type IncomingSend, sendMessages } from './send-messages.ts';

const away = new Failure('unavailable', 'the store did not answer');

/**
 * The memory store, which notes its writes, and whose inserts fail as often as they are told to.
 */
class NotedStore extends MemoryMessageStore {
  readonly notes: string[] = [];
  /** `before`: nothing is written; `after`: the write is made, and its answer is lost. */
  failing: { times: number; readonly when: 'before' | 'after' } = { times: 0, when: 'before' };

  override async insert(messages: readonly NewMessage[]): Promise<readonly Inserted[]> {
    this.notes.push(`insert ${messages.length}`);
    const isFailing = this.failing.times > 0;
    if (isFailing) this.failing.times -= 1;
    if (isFailing && this.failing.when === 'before') throw away;
    const outcome = await super.insert(messages);
    if (isFailing) throw away;
    return outcome;
  }
}

class NotedQueue extends MemoryWorkQueue {
  notes: string[] = [];

  override async publish(entries: readonly NewEntry[]): Promise<readonly PublishResult[]> {
    this.notes.push(`publish ${entries.length}`);
    return super.publish(entries);
  }
}

class NotedBlobs extends MemoryBlobStore {
  notes: string[] = [];

  override async put(...given: Parameters<MemoryBlobStore['put']>) {
    const info = await super.put(...given);
    this.notes.push('blob');
    return info;
  }
}

interface World extends MemoryIngest {
  readonly ingest: Ingest;
  readonly messages: NotedStore;
  readonly queue: NotedQueue;
  readonly blobs: NotedBlobs;
  /** Writes, in their order. */
  readonly notes: string[];
}

async function world(
  change: (sender: Sender) => Sender = (sender) => sender,
  requestsPerMinute = 5_000,
): Promise<World> {
  const memory = await memoryIngest({ requestsPerMinute });
  const { clock, catalog } = memory.ingest;
  const messages = new NotedStore(clock);
  const queue = new NotedQueue(clock);
  const blobs = new NotedBlobs(clock);
  queue.notes = messages.notes;
  blobs.notes = messages.notes;
  const known = catalog.current();
  const snapshot = snapshotOf(2, known.senders('default').map(change), known.templates('default'));
  const ingest = {
    ...memory.ingest,
    messages,
    queue,
    blobs,
    catalog: { ...catalog, current: () => snapshot },
  };
  return { ...memory, ingest, messages, queue, blobs, notes: messages.notes };
}

const request: SendRequest = {
  ...emptyRequest,
  recipient: 'ana@example.com',
  sender: 'accounts',
  subject: 'Hello',
  text: 'Hi.',
};

const item = (
  { key }: World,
  wanted: Partial<SendRequest> = {},
  more: Partial<IncomingSend> = {},
): IncomingSend => ({
  origin: { credential: key, address: '', requestId: null },
  idempotencyKeys: [],
  traceparent: '',
  isCounted: true,
  messageId: null,
  judge: () => [],
  rule: accessRules['/packetboat.v1.MessagesService/SendMessage'],
  read: async () => ({ ...request, ...wanted }),
  ...more,
});
const keyed = (w: World, idempotencyKey: string, wanted: Partial<SendRequest> = {}): IncomingSend =>
  item(w, wanted, { idempotencyKeys: [idempotencyKey] });

/** `queued`, `scheduled`, `suppressed`, `replayed`, or the code of the failure. */
const wordOf = (answer: AnsweredSend | undefined): string => {
  if (answer === undefined) return 'no answer';
  if ('failure' in answer) return answer.failure.code;
  return answer.replayed ? 'replayed' : answer.message.acceptedAs;
};
const sent = async (w: World, items: readonly IncomingSend[]): Promise<string[]> =>
  (await sendMessages(w.ingest, items)).map(wordOf);

const failureOf = (answer: AnsweredSend | undefined): Failure => {
  if (answer === undefined || !('failure' in answer)) throw new Error('the request was accepted');
  return answer.failure;
};

const stored = async ({ messages }: World): Promise<readonly Message[]> =>
  messages.list({ tenant: 'default', limit: 100 });

async function suppress({ ingest }: World, text: string): Promise<void> {
  const address = parseAddress(text);
  if (isRefusal(address)) throw new Error('not an address');
  const [hash = ''] = suppressionHashes(ingest.hashKeys.suppression, 'default', address);
  await ingest.suppressions.add({
    tenant: 'default',
    scope: SCOPE_ALL,
    hash,
    reason: 'manual',
    createdAt: 1,
  });
}

/** Entries that fill the window of the lane. */
const fillers = (w: World): NewEntry[] =>
  Array.from({ length: queueLimits.windowPerLane }, () => ({
    tenant: 'default',
    tier: 'normal' as const,
    sender: 'accounts',
    entry: {
      message: messageId(w.messages.now(), w.ingest.random.bytes(ID_RANDOM_BYTES)),
      delivery: 0,
      attempt: 1,
      domain: 'example.com',
      trace: null,
    },
  }));

describe('the order of writes', () => {
  test('is content, then one insert for all items, then one publish', async () => {
    const w = await world();
    const html = (): IncomingSend =>
      item(
        w,
        {},
        {
          read: async () => {
            const id = blobId(w.messages.now(), w.ingest.random.bytes(ID_RANDOM_BYTES));
            const { bytes, sha256 } = await w.blobs.put(
              id,
              'default',
              (async function* () {
                yield Buffer.from('<p>');
              })(),
            );
            return { ...request, html: { blob: id, bytes, sha256 } };
          },
        },
      );
    expect(await sent(w, [html(), html(), item(w)])).toEqual(['queued', 'queued', 'queued']);
    expect(w.notes).toEqual(['blob', 'blob', 'insert 3', 'publish 3']);
  });

  test('has no writes when no item is accepted', async () => {
    const w = await world();
    expect(await sent(w, [item(w, { recipient: 'nobody' })])).toEqual(['validation_failed']);
    expect(await sent(w, [])).toEqual([]);
    expect(w.notes).toEqual([]);
  });

  test('publishes one entry for each delivery', async () => {
    const w = await world();
    await sent(w, [item(w, { to: [{ email: 'ben@example.org', name: '' }] }), item(w)]);
    expect(w.notes).toEqual(['insert 2', 'publish 3']);
  });
});

describe('a batch', () => {
  test('has its answers in the order of the items, a bad item beside good ones', async () => {
    const w = await world();
    const answers = await sendMessages(w.ingest, [
      item(w, { recipient: 'a@example.com' }),
      item(w, { recipient: 'nobody' }),
      item(w, { recipient: 'b@example.com' }),
      item(w, {}, { origin: { credential: 'sk_live_none', address: '', requestId: null } }),
      item(w, { recipient: 'c@example.com', sender: 'nobody' }),
      item(w, {}, { read: () => Promise.reject(new Error('a bug')) }),
      item(w, { recipient: 'd@example.com', scheduledAt: w.messages.now() + 60_000 }),
    ]);
    expect(answers.map(wordOf)).toEqual([
      'queued',
      'validation_failed',
      'queued',
      'unauthenticated',
      'validation_failed',
      'internal',
      'scheduled',
    ]);
    expect(answers.map((a) => ('message' in a ? a.message.recipient : null))).toEqual([
      'a@example.com',
      null,
      'b@example.com',
      null,
      null,
      null,
      'd@example.com',
    ]);
    expect(w.notes).toEqual(['insert 3', 'publish 2']);
  });

  test('counts each item that Admit did not count, and refuses those beyond the limit', async () => {
    const w = await world((sender) => sender, 1);
    const uncounted = item(w, {}, { isCounted: false });
    const answers = await sendMessages(w.ingest, [uncounted, item(w), uncounted]);
    expect(answers.map(({ rate }) => rate?.remaining ?? null)).toEqual([0, null, 0]);
    expect(answers.map(wordOf)).toEqual(['queued', 'queued', 'rate_limited']);
  });

  test('keeps the id that its door made, and makes an id otherwise', async () => {
    const w = await world();
    const id = messageId(w.messages.now(), w.ingest.random.bytes(ID_RANDOM_BYTES));
    const [own, made] = await sendMessages(w.ingest, [item(w, {}, { messageId: id }), item(w)]);
    expect(own).toMatchObject({ message: { id } });
    expect(made).toMatchObject({ message: { id: expect.stringMatching(/^msg_/) } });
  });

  test('an item that comes again under its id is answered from the store, without a second message', async () => {
    const w = await world();
    const id = messageId(w.messages.now(), w.ingest.random.bytes(ID_RANDOM_BYTES));
    const again = item(w, {}, { messageId: id });
    const [first] = await sendMessages(w.ingest, [again]);
    const [second] = await sendMessages(w.ingest, [again]);
    expect(second).toEqual(first);
    expect(await stored(w)).toHaveLength(1);
  });

  test.each([
    ['a traceparent of the caller', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, true],
    ['a text that is not a traceparent', 'canary', false],
  ])('%s is kept: %3$j', async (_, traceparent, isKept) => {
    const w = await world();
    await sent(w, [item(w, {}, { traceparent })]);
    const [message] = await stored(w);
    expect(message?.trace === traceparent).toBe(isKept);
    expect(message?.trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });
});

describe('an idempotency key', () => {
  test('makes one message of a request that comes twice, in two batches or in one', async () => {
    const w = await world();
    expect(await sent(w, [keyed(w, 'k')])).toEqual(['queued']);
    const [again] = await sendMessages(w.ingest, [keyed(w, 'k')]);
    const [message, ...others] = await stored(w);
    expect(again).toMatchObject({ replayed: true, message: { id: message?.id } });
    expect(others).toEqual([]);
    expect(await sent(w, [keyed(w, 'twin'), item(w), keyed(w, 'twin')])).toEqual([
      'queued',
      'queued',
      'replayed',
    ]);
    expect(await stored(w)).toHaveLength(3);
  });

  test('refuses another request, in another batch or in the same', async () => {
    const w = await world();
    const other = (): IncomingSend => keyed(w, 'k', { subject: 'Other' });
    expect(await sent(w, [keyed(w, 'k'), other()])).toEqual(['queued', 'idempotency_key_reused']);
    expect(await sent(w, [other()])).toEqual(['idempotency_key_reused']);
    expect(await stored(w)).toHaveLength(1);
  });

  test('replays a request that would be refused by now', async () => {
    const w = await world();
    const scheduledAt = w.messages.now() + 60_000;
    const soon = (): IncomingSend => keyed(w, 'k', { scheduledAt });
    expect(await sent(w, [soon()])).toEqual(['scheduled']);
    const refused: IncomingSend = {
      ...soon(),
      judge: () => [{ field: 'scheduled_time', code: 'too_early', message: '' }],
    };
    expect(await sent(w, [refused])).toEqual(['replayed']);
  });

  test('may also be in a header of the message, but must be equal', async () => {
    const w = await world();
    const headers = { 'X-Idempotency-Key': 'k' };
    expect(await sent(w, [keyed(w, 'k', { headers }), keyed(w, 'other', { headers })])).toEqual([
      'queued',
      'validation_failed',
    ]);
  });
});

describe('deliveries that are not queued', () => {
  test.each([
    ['a suppressed recipient', (w: World) => suppress(w, 'ana@example.com').then(() => ({})), 'suppressed'],
    ['a later time', async (w: World) => ({ scheduledAt: w.messages.now() + 60_000 }), 'scheduled'],
  ])('%s: inserted and not published', async (_, prepare, word) => {
    const w = await world();
    const wanted = await prepare(w);
    expect(await sent(w, [item(w, wanted)])).toEqual([word]);
    expect(w.notes).toEqual(['insert 1']);
  });

  test('one suppressed recipient of two leaves the other one queued', async () => {
    const w = await world();
    await suppress(w, 'ANA@example.com');
    expect(await sent(w, [item(w, { to: [{ email: 'ben@example.org', name: '' }] })])).toEqual(['queued']);
    const [message] = await stored(w);
    expect(message?.deliveries.map((d) => d.state)).toEqual(['suppressed', 'queued']);
    expect(w.notes).toEqual(['insert 1', 'publish 1']);
  });

  test('a suppression of one tenant does not apply to another', async () => {
    const w = await world();
    const address = parseAddress('ana@example.com');
    if (isRefusal(address)) throw new Error('not an address');
    const [hash = ''] = suppressionHashes(w.ingest.hashKeys.suppression, 'other', address);
    await w.ingest.suppressions.add({ tenant: 'other', scope: SCOPE_ALL, hash, reason: '', createdAt: 1 });
    expect(await sent(w, [item(w)])).toEqual(['queued']);
  });
});

describe('the sender', () => {
  test('takes messages while it is suspended; the dispatcher holds them', async () => {
    const w = await world((sender) => ({ ...sender, suspended: true }));
    expect(await sent(w, [item(w)])).toEqual(['queued']);
    expect(w.notes).toEqual(['insert 1', 'publish 1']);
  });

  test('takes no more messages once it was deleted', async () => {
    const w = await world((sender) => ({ ...sender, retiring: true }));
    expect(failureOf((await sendMessages(w.ingest, [item(w)]))[0]).errors).toMatchObject([
      { field: 'sender', code: 'unknown_sender' },
    ]);
    expect(w.notes).toEqual([]);
  });
});

describe('a store that fails', () => {
  test.each(['before', 'after'] as const)(
    'once, %s the write, costs a second insert and no second message',
    async (when) => {
      const w = await world();
      w.messages.failing = { times: 1, when };
      expect(await sent(w, [item(w), item(w)])).toEqual(['queued', 'queued']);
      expect(w.notes).toEqual(['insert 2', 'insert 2', 'publish 2']);
      expect(await stored(w)).toHaveLength(2);
    },
  );

  test('twice: the failure of each item names its message, which may be stored; none is published', async () => {
    const w = await world();
    w.messages.failing = { times: 2, when: 'after' };
    const answers = await sendMessages(w.ingest, [item(w), item(w), item(w, { recipient: 'nobody' })]);
    const [first, second, bad] = answers.map(failureOf);
    expect([first?.kind, second?.kind, bad?.kind]).toEqual(['unavailable', 'unavailable', 'invalid']);
    const ids = (await stored(w)).map(({ id }) => id);
    expect(new Set([first?.messageId, second?.messageId])).toEqual(new Set(ids));
    expect(w.notes).toEqual(['insert 2', 'insert 2']);
  });
});

describe('a queue that does not take entries', () => {
  /**
   * As the sweeper sees it: when the delivery wakes, as far from now as `republishMs` or at once.
   */
  const wakes = async (w: World): Promise<boolean[]> =>
    (await stored(w)).flatMap(({ deliveries }) =>
      deliveries.map(({ wakeAt }) => wakeAt !== null && wakeAt <= w.messages.now()),
    );

  test.each([
    ['is closed', async (w: World) => w.queue[Symbol.asyncDispose]()],
    ['has a full window', async (w: World) => void (await w.queue.publish(fillers(w)))],
  ])('because it %s: the message is accepted, and left to the sweeper', async (_, prepare) => {
    const w = await world();
    await prepare(w);
    expect(await sent(w, [item(w)])).toEqual(['queued']);
    expect(await wakes(w)).toEqual([true]);
  });

  test('is not asked again while the tenant has a backlog in this tier', async () => {
    const w = await world();
    await w.queue.publish(fillers(w));
    await sent(w, [item(w)]);
    w.notes.length = 0;
    expect(await sent(w, [item(w), item(w, { tier: 'high' })])).toEqual(['queued', 'queued']);
    expect(w.notes).toEqual(['insert 2', 'publish 1']);
  });

  test('a published delivery does not wake before its entry counts as lost', async () => {
    const w = await world();
    await sent(w, [item(w)]);
    expect(await wakes(w)).toEqual([false]);
  });
});

describe('content of a request that is refused', () => {
  async function withBlob(w: World): Promise<IncomingSend> {
    const id = blobId(w.messages.now(), w.ingest.random.bytes(ID_RANDOM_BYTES));
    const source = (async function* () {
      yield Buffer.from('<p>');
    })();
    const { bytes, sha256 } = await w.blobs.put(id, 'default', source);
    return item(
      w,
      {},
      {
        read: async (_, noteBlob) => {
          noteBlob(id);
          return { ...request, html: { blob: id, bytes, sha256 } };
        },
      },
    );
  }
  const kept = async (w: World): Promise<number> =>
    (await w.blobs.olderThan(Number.MAX_SAFE_INTEGER, 10, null)).length;

  test('is deleted at once', async () => {
    const w = await world((sender) => ({ ...sender, retiring: true }));
    expect(await sent(w, [await withBlob(w)])).toEqual(['validation_failed']);
    expect(await kept(w)).toBe(0);
  });

  test.each([
    ['invalid', 0],
    ['too_large', 0],
    ['unavailable', 1],
  ] as const)('of which the reading failed (%s) is kept only for a repetition', async (kind, blobs) => {
    const w = await world();
    const good = await withBlob(w);
    const read: IncomingSend['read'] = async (caller, noteBlob) => {
      await good.read(caller, noteBlob);
      throw new Failure(kind, 'This request cannot be read.');
    };
    expect(await sent(w, [{ ...good, read }])).toHaveLength(1);
    expect(await kept(w)).toBe(blobs);
  });

  test('stays when a message refers to it', async () => {
    const w = await world();
    const accepted = await withBlob(w);
    expect(await sent(w, [accepted])).toEqual(['queued']);
    const bad: IncomingSend = { ...accepted, judge: () => [{ field: 'x', code: 'missing', message: '' }] };
    expect(await sent(w, [bad])).toEqual(['validation_failed']);
    expect(await kept(w)).toBe(1);
  });

  test('is deleted after a replay, which refers to the content of the first request', async () => {
    const w = await world();
    const first = { ...(await withBlob(w)), idempotencyKeys: ['k'] };
    const retry = { ...(await withBlob(w)), idempotencyKeys: ['k'] };
    expect(await sent(w, [first, retry])).toEqual(['queued', 'replayed']);
    expect(await kept(w)).toBe(1);
  });
});
