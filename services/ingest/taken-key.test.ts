// Two requests race with one idempotency key, and the message of the winner cannot be read (P4).

import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type MemoryIngest, memoryIngest } from '../../test/support/memory-ingest.ts';
import { ManualClock } from '../adapters/memory/clock.ts';
import { MemoryMessageStore } from '../adapters/memory/message-store.ts';
import { emptyRequest } from '../core/accept/send-request.fixture.ts';
import { accessRules } from '../core/access/access-rules.ts';
import type { Message, NewMessage } from '../core/delivery/message.ts';
import { acceptLimits } from '../core/limits/accept.ts';
import type { Inserted } from '../ports/message-store.ts';
import type { AnsweredSend, IncomingSend } from './send-messages.ts';
import { sendMessages } from './send-messages.ts';

const { idempotencyRaceMs, idempotencyRacePollMs, sendRetryAfterMs } = acceptLimits;

/** A store in which another message holds every key, and from which that message cannot be read. */
class HeldKeys extends MemoryMessageStore {
  isReadable = false;
  reads = 0;

  override async insert(messages: readonly NewMessage[]): Promise<readonly Inserted[]> {
    const free = messages.filter(({ idempotency }) => idempotency === null);
    const inserted = (await super.insert(free)).values();
    return messages.map(({ idempotency }) =>
      idempotency === null ? (inserted.next().value as Inserted) : { kind: 'key_taken' },
    );
  }

  override async findByIdempotencyKey(tenant: string, key: string): Promise<Message | null> {
    this.reads += 1;
    return this.isReadable ? super.findByIdempotencyKey(tenant, key) : null;
  }

  /** The message of the winner. */
  async hold(message: NewMessage): Promise<void> {
    await super.insert([message]);
  }
}

async function begin() {
  const memory = await memoryIngest();
  const clock = new ManualClock(Date.now());
  const messages = new HeldKeys(clock);
  return { memory, clock, messages, ingest: { ...memory.ingest, messages, clock } };
}

const item = ({ key }: MemoryIngest, idempotencyKey: string | null): IncomingSend => ({
  origin: { credential: key, address: '', requestId: null },
  idempotencyKeys: idempotencyKey === null ? [] : [idempotencyKey],
  traceparent: '',
  isCounted: true,
  messageId: null,
  judge: () => [],
  rule: accessRules['/packetboat.v1.MessagesService/SendMessage'],
  read: async () => ({
    ...emptyRequest,
    ...{ recipient: 'ana@example.com', sender: 'accounts', subject: 'Hello', text: 'Hi.' },
  }),
});

/** Advances the clock until the answers are there. Returns them and the time that passed. */
async function answered(clock: ManualClock, answers: Promise<readonly AnsweredSend[]>) {
  const startedAt = clock.monotonic();
  let result: readonly AnsweredSend[] | undefined;
  void answers.then((given) => {
    result = given;
  });
  for (let i = 0; i < 10_000 && result === undefined; i++) {
    await setImmediate();
    if (result === undefined) await clock.advance(1);
  }
  return { answers: result ?? expect.fail('no answer'), ms: clock.monotonic() - startedAt };
}

test('after 2 seconds the request is a conflict that may be retried, and nothing is stored or published', async () => {
  const { memory, clock, messages, ingest } = await begin();
  const published: number[] = [];
  const queue = Object.assign(Object.create(ingest.queue) as typeof ingest.queue, {
    publish: async (entries: Parameters<typeof ingest.queue.publish>[0]) => {
      published.push(entries.length);
      return ingest.queue.publish(entries);
    },
  });
  const { answers, ms } = await answered(
    clock,
    sendMessages({ ...ingest, queue }, [item(memory, 'k1'), item(memory, null)]),
  );
  expect(answers[0]).toMatchObject({
    failure: {
      kind: 'conflict',
      code: 'idempotency_key_in_use',
      retryAfterMs: sendRetryAfterMs,
      messageId: null,
    },
  });
  expect(ms).toBeGreaterThanOrEqual(idempotencyRaceMs);
  expect(ms).toBeLessThanOrEqual(idempotencyRaceMs + 2 * idempotencyRacePollMs);
  // it waits between its reads
  expect(messages.reads).toBeLessThanOrEqual(idempotencyRaceMs / idempotencyRacePollMs + 1);
  // the other request of the batch is accepted and published once
  expect(answers[1]).toMatchObject({ replayed: false, message: { acceptedAs: 'queued' } });
  expect(published).toEqual([1]);
});

test('a winner that can be read just before is replayed', async () => {
  const { memory, clock, messages, ingest } = await begin();
  const stored: NewMessage[] = [];
  const winner = new MemoryMessageStore(clock);
  const insert = winner.insert.bind(winner);
  winner.insert = async (given) => {
    stored.push(...given);
    return insert(given);
  };
  await answered(clock, sendMessages({ ...ingest, messages: winner }, [item(memory, 'k1')]));
  for (const message of stored) await messages.hold(message);
  const sending = sendMessages(ingest, [item(memory, 'k1')]);
  await setImmediate();
  await clock.advance(idempotencyRaceMs - 2 * idempotencyRacePollMs);
  messages.isReadable = true;
  const { answers } = await answered(clock, sending);
  expect(answers[0]).toMatchObject({ replayed: true, message: { id: stored[0]?.id } });
});
