import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { connect, type JetStreamManager } from 'nats';
import { expect, it, vi } from 'vitest';
import { many, workQueueContract } from '../../../test/contract/work-queue.ts';
import { type Backend, startNats, uniqueName } from '../../../test/support/backend.ts';
import { borrow, describeWith } from '../../../test/support/describe-with.ts';
import { tiers } from '../../core/delivery/message.ts';
import { queueLimits } from '../../core/limits/queue.ts';
import type { NewEntry, TakenEntry } from '../../ports/work-queue.ts';
import { type Nats, openNats } from './connection.ts';
import { NatsWorkQueue, type WorkQueueOptions } from './work-queue.ts';

describeWith(['nats'], 'the queue in JetStream', () => {
  workQueueContract('nats', async () => {
    const { url } = await borrow('nats');
    const stream = uniqueName('queue');
    const ackWaitMs = 1_000;
    const opened: AsyncDisposable[] = [];
    const open = async (): Promise<NatsWorkQueue> => {
      const nats = openNats(url);
      const queue = new NatsWorkQueue(nats, { stream, ackWaitMs });
      opened.push(nats, queue);
      return queue;
    };
    const queue = await open();
    await queue.check();
    return {
      queue,
      other: open,
      ackWaitMs,
      elapse: (ms) => sleep(ms),
      [Symbol.asyncDispose]: async () => {
        await removeStream(url, stream);
        for (const one of opened.reverse()) await one[Symbol.asyncDispose]();
      },
    };
  });
});

describeWith(['nats-server'], 'the queue in a JetStream that fails', () => {
  it('is unavailable until the server is up', async () => {
    await using server = await startNats();
    await server.kill();
    await using nats = openNats(server.url);
    await using queue = new NatsWorkQueue(nats);
    // in this turn of the event loop: nothing is waited for
    const turn = nextTurn().then(() => 'waits');
    expect(await Promise.race([queue.publish(many(3)), turn])).toEqual(['lost', 'lost', 'lost']);
    await expect(queue.check()).rejects.toThrow('no connection');
    const waiting = queue.take(1, never);
    await server.restart();
    await isBack(queue);
    const [sent] = await publishUntilPublished(queue, 1);
    expect(await waiting).toMatchObject([{ entry: sent?.entry }]);
  });

  it('continues with its entries after the server was killed', async () => {
    await using open = await openOn();
    const { server, queue } = open;
    const sent = many(50);
    await queue.publish(sent);
    await server.kill();
    expect(new Set(await queue.publish(many(2)))).toEqual(new Set(['lost']));
    await expect(queue.check()).rejects.toThrow();
    await server.restart();
    await isBack(queue);
    expect(await drained(queue, 50)).toEqual(new Set(sent.map((p) => p.entry.message)));
  });

  it.each([
    ['the server came back with nothing', async ({ server }: Open) => server.restart({ erase: true })],
    [
      'its stream was deleted',
      async ({ server }: Open) => withManager(server, (manager) => manager.streams.delete('MAIL')),
    ],
  ])('recovers by itself after %s', async (_, lose) => {
    await using open = await openOn();
    const { queue } = open;
    await queue.publish(many(50));
    const [old] = await queue.take(1, never);
    const waiting = drained(queue, 200);
    await lose(open);
    const sent = await publishUntilPublished(queue, 300);
    await isBack(queue);
    old?.ack();
    const got = new Set([...(await waiting), ...(await drained(queue, 50))]);
    expect([...got].filter((id) => sent.some((p) => p.entry.message === id)).length).toBeGreaterThanOrEqual(
      200,
    );
  });

  it.each(tiers)('creates the deleted consumer of %s again', async (tier) => {
    await using open = await openOn();
    const waiting = open.queue.take(10, never);
    await withManager(open.server, (manager) => manager.consumers.delete('MAIL', tier));
    const [sent] = await publishUntilPublished(open.queue, 1, { tier });
    expect(await waiting).toMatchObject([{ entry: sent?.entry }]);
    await isBack(open.queue);
  });

  it('loses no entry that it counts, while the stream is deleted again and again', async () => {
    await using open = await openOn();
    const { server, queue } = open;
    const seen = new Set<string>();
    const stop = new AbortController();
    const dispatching = (async () => {
      while (!stop.signal.aborted) for (const t of await queue.take(100, stop.signal)) see(t, seen);
    })();
    for (let round = 0; round < 3; round += 1) {
      const load = publishUntilPublished(queue, 3_000);
      await server.restart({ erase: true });
      await load;
      // entries published from here on are in the new stream
      await isBack(queue);
      const sent = await publishUntilPublished(queue, 100);
      await expect.poll(() => sent.every((p) => seen.has(p.entry.message)), { timeout: 10_000 }).toBe(true);
    }
    stop.abort();
    await dispatching;
  });

  it('makes only the first caller wait while the server is frozen, and continues when the server runs again', async () => {
    await using open = await openOn();
    const { server, queue, nats } = open;
    server.pause();
    const publish = vi.spyOn(nats.connection(), 'publish');
    const allLost = new Set(['lost']);
    expect(new Set(await queue.publish(many(600)))).toEqual(allLost);
    const sentInVain = publish.mock.calls.length;
    expect(sentInVain).toBe(queueLimits.publishInFlightMax);
    // The next four callers are told in this turn of the event loop, and nothing is sent for them.
    const calls = Array.from({ length: 4 }, () => queue.publish(many(600)));
    const answers = await Promise.race([Promise.all(calls), nextTurn().then(() => [])]);
    expect(answers.map((answer) => new Set(answer))).toEqual(calls.map(() => allLost));
    expect(publish).toHaveBeenCalledTimes(sentInVain);
    publish.mockRestore();
    await expect(queue.check()).rejects.toThrow();
    await expect.poll(() => isConnected(nats), { timeout: 15_000 }).toBe(false);
    server.resume();
    await isBack(queue);
    // some entries counted as lost are in the queue nevertheless
    const sent = await publishUntilPublished(queue, 10);
    const seen = new Set<string>();
    while (!sent.every((p) => seen.has(p.entry.message)))
      for (const taken of await queue.take(100, never)) see(taken, seen);
  });

  it('continues for others when a dispatcher dies with a thousand entries in hand', async () => {
    await using open = await openOn();
    await publishUntilPublished(open.queue, 1_200);
    const nats = openNats(open.server.url);
    const killed = new NatsWorkQueue(nats);
    for (let taken = 0; taken < 1_200; ) taken += (await killed.take(300, never)).length;
    await nats[Symbol.asyncDispose]();
    // the server delivers entries to the killed dispatcher until it has noticed
    await withManager(open.server, async (manager) => {
      await expect.poll(async () => (await manager.consumers.info('MAIL', 'normal')).num_waiting).toBe(0);
    });
    const sent = await publishUntilPublished(open.queue, 50);
    expect(await drained(open.queue, 50)).toEqual(new Set(sent.map((p) => p.entry.message)));
  });

  it('gives back at once what a closed dispatcher had fetched', async () => {
    await using open = await openOn();
    const sent = many(100);
    await open.queue.publish(sent);
    await using nats = openNats(open.server.url);
    const other = new NatsWorkQueue(nats);
    const [first] = await other.take(1, never);
    await other[Symbol.asyncDispose]();
    expect((await drained(open.queue, 99)).has(first?.entry.message ?? '')).toBe(false);
  });

  it('gives back what a busy dispatcher does not take', async () => {
    await using open = await openOn();
    await open.queue.publish(many(100));
    await using nats = openNats(open.server.url);
    await using busy = new NatsWorkQueue(nats);
    const [first] = await busy.take(1, never);
    const others = await drained(open.queue, 99);
    expect(others.has(first?.entry.message ?? '')).toBe(false);
  });

  it('drops and reports a malformed entry', async () => {
    const events: string[] = [];
    await using open = await openOn({ onEvent: (event) => events.push(event) });
    await using nats = openNats(open.server.url);
    await nats.check();
    nats.connection().publish('MAIL.high.acme.news', 'not JSON');
    nats.connection().publish('MAIL.high.acme.%', '{}');
    const [sent] = await publishUntilPublished(open.queue, 1, { tier: 'high' });
    expect(await open.queue.take(5, never)).toMatchObject([{ entry: sent?.entry }]);
    expect(events.filter((event) => event === 'malformed')).toHaveLength(2);
    await withManager(open.server, async (manager) => {
      await expect.poll(async () => (await manager.streams.info('MAIL')).state.messages).toBe(1);
    });
  });

  it('updates a stream that has other settings', async () => {
    await using open = await openOn();
    await using nats = openNats(open.server.url);
    await using changed = new NatsWorkQueue(nats, { ackWaitMs: 60_000 });
    await isBack(changed);
    await withManager(open.server, async (manager) => {
      expect((await manager.consumers.info('MAIL', 'high')).config.ack_wait).toBe(60e9);
    });
  });
});

interface Open extends AsyncDisposable {
  readonly server: Backend;
  readonly nats: Nats;
  readonly queue: NatsWorkQueue;
}

const never = new AbortController().signal;

async function openOn(options: WorkQueueOptions = {}): Promise<Open> {
  const server = await startNats();
  const nats = openNats(server.url);
  const queue = new NatsWorkQueue(nats, options);
  await isBack(queue);
  return {
    server,
    nats,
    queue,
    [Symbol.asyncDispose]: async () => {
      await queue[Symbol.asyncDispose]();
      await nats[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const isBack = (queue: NatsWorkQueue): Promise<void> => vi.waitFor(() => queue.check(), { timeout: 15_000 });

function isConnected(nats: Nats): boolean {
  try {
    return !nats.connection().isClosed();
  } catch {
    return false;
  }
}

function see(taken: TakenEntry, seen: Set<string>): void {
  seen.add(taken.entry.message);
  taken.ack();
}

async function drained(queue: NatsWorkQueue, count: number): Promise<Set<string>> {
  const seen = new Set<string>();
  while (seen.size < count) for (const taken of await queue.take(count - seen.size, never)) see(taken, seen);
  return seen;
}

/** As the sweeper does: what is not in the queue is published again. */
async function publishUntilPublished(
  queue: NatsWorkQueue,
  count: number,
  what: Partial<NewEntry> = {},
): Promise<NewEntry[]> {
  const all = many(count, () => what);
  for (let rest = all; rest.length > 0; ) {
    const some = rest.slice(0, 200);
    const answers = await queue.publish(some);
    const failed = some.filter((_, i) => answers[i] !== 'published');
    rest = [...failed, ...rest.slice(200)];
    if (failed.length > 0) await sleep(20);
  }
  return all;
}

async function withManager<T>(server: Backend, use: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: server.url });
  try {
    return await use(await connection.jetstreamManager());
  } finally {
    await connection.close();
  }
}

async function removeStream(url: string, stream: string): Promise<void> {
  const connection = await connect({ servers: url });
  const manager = await connection.jetstreamManager();
  await manager.streams.delete(stream);
  await connection.close();
}
