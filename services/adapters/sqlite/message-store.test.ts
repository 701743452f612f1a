import { appendFile, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { dueDeliveriesContract } from '../../../test/contract/due-deliveries.ts';
import { lostEntriesContract } from '../../../test/contract/lost-entries.ts';
import { messageListContract } from '../../../test/contract/message-list.ts';
import { messageStoreContract } from '../../../test/contract/message-store.ts';
import { address, newBlobId, newMessageId, sampleMessage } from '../../../test/contract/sample-message.ts';
import { startProgram } from '../../../test/support/process.ts';
import { canonical } from '../../core/address.ts';
import type { MessageId } from '../../core/ids.ts';
import { queueLimits } from '../../core/limits/queue.ts';
import type { MessageStore } from '../../ports/message-store.ts';
import { ManualClock } from '../memory/clock.ts';
import { systemClock } from '../system/clock.ts';
import { openTemporary } from './database.fixture.ts';
import { type Jobs, openDatabase } from './database.ts';
import { openMessageStore } from './message-store.ts';
import { query } from './statement.ts';

/** The version of the schema that had no column `lane`. */
const VERSION_BEFORE_LANES = 4;

const open = async () => {
  const clock = new ManualClock();
  const temporary = await openTemporary();
  return {
    store: await openMessageStore(temporary.database(), clock),
    elapse: (ms: number) => clock.advance(ms),
    reopen: async () => openMessageStore(await temporary.reopen(), clock),
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
};

messageStoreContract('sqlite', open);
dueDeliveriesContract('sqlite', open);
messageListContract('sqlite', open);
lostEntriesContract('sqlite', open);

describe('SqliteMessageStore', () => {
  it('returns the oldest deliveries of a backlog that is too large to sort, without published ones', async () => {
    await using temporary = await openTemporary();
    const store = await openMessageStore(temporary.database(), new ManualClock());
    const now = store.now();
    const count = 2 * queueLimits.windowPerLane + 10;
    // woken in the opposite order of acceptance; the first ten are published
    const messages = Array.from({ length: count }, (_, i) =>
      sampleMessage({
        createdAt: now - count + i,
        deliveries: [{ wakeAt: i < 10 ? now + 60_000 : now - i }],
      }),
    );
    await store.insert(messages);
    const backlog = { tenant: 'default', tier: 'normal', sender: 'acme' } as const;
    const front = async (): Promise<MessageId[]> =>
      (await store.unpublished(backlog, now, 5)).map(({ message }) => message.id);
    expect(await front()).toEqual(messages.slice(10, 15).map((message) => message.id));
    const extra = sampleMessage({ createdAt: now - count - 1 });
    await store.insert([extra]);
    expect(await front()).toEqual([extra, ...messages.slice(10, 14)].map((message) => message.id));
  });

  it('finds the backlog of each sender in a file that an earlier version wrote', async () => {
    await using temporary = await openTemporary();
    const clock = new ManualClock();
    const before = await openMessageStore(temporary.database(), clock);
    const lanes = (['acme', 'news'] as const).map((sender) => ({
      tenant: 'default',
      tier: 'bulk' as const,
      sender,
    }));
    const messages = lanes.map((lane) => sampleMessage({ ...lane, createdAt: before.now() }));
    await before.insert(messages);
    await temporary.database()[Symbol.asyncDispose]();
    const file = new DatabaseSync(join(temporary.folder, 'packetboat.db'));
    file.exec(`
      DROP INDEX delivery_backlog;
      DROP INDEX delivery_queued;
      ALTER TABLE delivery DROP COLUMN lane;
      ALTER TABLE delivery ADD COLUMN tier TEXT NOT NULL DEFAULT 'bulk';
      CREATE INDEX delivery_backlog ON delivery (tenant, tier, wake_at, created_at) WHERE wake_at IS NOT NULL AND state = 'queued';
      CREATE INDEX delivery_queued ON delivery (tenant, tier, created_at, message, number, wake_at) WHERE wake_at IS NOT NULL AND state = 'queued';
      PRAGMA user_version = ${VERSION_BEFORE_LANES};
    `);
    file.close();
    const store = await openMessageStore(await temporary.reopen(), clock);
    expect(await store.backlogs(store.now())).toEqual(lanes);
    for (const [i, lane] of lanes.entries())
      expect((await store.unpublished(lane, store.now(), 10)).map(({ message }) => message.id)).toEqual([
        messages[i]?.id,
      ]);
  });

  it('no query scans a table', async () => {
    await using temporary = await openTemporary();
    const database = temporary.database();
    const asked = new Set<string>();
    const listening: Jobs = {
      run(steps) {
        for (const [{ sql }] of steps) asked.add(sql);
        return database.run(steps);
      },
    };
    const store = await openMessageStore(listening, systemClock);
    const [message, now] = [sampleMessage({ createdAt: store.now() }), store.now()];
    await store.insert([message]);
    await store.find([message.id]);
    await store.findByIdempotencyKey('default', 'k');
    await store.dropIdempotencyKey(message.id, 'k');
    await store.apply([
      {
        message: message.id,
        delivery: 0,
        version: '1',
        set: { state: 'sending' },
        event: { type: 'accepted', data: {} },
      },
    ]);
    await store.woken(['scheduled', 'sending', 'deferred'], now, 10);
    await store.backlogs(now);
    await store.oldestDue(now);
    await store.forgetEntries();
    await store.unpublished({ tenant: 'default', tier: 'normal', sender: 'acme' }, now, 10);
    await store.blobsInUse([newBlobId(now)]);
    const page = {
      tenant: 'default',
      limit: 10,
      createdAfter: 1,
      createdBefore: now,
      before: { createdAt: now, id: message.id },
    };
    for (const filter of [
      {},
      { recipient: canonical(address('a@example.com')) },
      { status: 'bounced' },
      { status: 'delivered' },
    ] as const)
      await store.list({ ...page, ...filter });
    for (const sql of asked) {
      const [rows] = await database.run([[query(`EXPLAIN QUERY PLAN ${sql}`)]]);
      const plan = typeof rows === 'object' ? rows.map((row) => String(row[3])) : [];
      expect(plan.filter((step) => /^SCAN (message|delivery|event|blob_use|[mdeso])\b/.test(step))).toEqual(
        [],
      );
    }
  });

  it.each<[string, (store: MessageStore) => Promise<unknown>]>([
    ['event', (store) => store.insert([sampleMessage({ createdAt: store.now() })])],
    ['readiness check', (store) => store.check()],
  ])('its clock starts at the last stored %s if the wall clock is behind', async (_, write) => {
    await using temporary = await openTemporary();
    const clock = new ManualClock();
    const store = await openMessageStore(temporary.database(), clock);
    const t0 = store.now();
    await clock.advance(5_000);
    await write(store);
    await clock.advance(5_000);
    clock.step(-3_600_000);
    const reopened = await openMessageStore(await temporary.reopen(), clock);
    expect(reopened.now()).toBe(t0 + 5_000);
    await clock.advance(10_000);
    expect(reopened.now()).toBe(t0 + 14_000);
    clock.step(7_200_000);
    expect((await openMessageStore(await temporary.reopen(), clock)).now()).toBe(clock.now());
  });

  it('keeps every acknowledged write when its process is killed', async () => {
    await using writer = await startProgram({
      name: 'sqlite-writer',
      command: process.execPath,
      args: (folder) => [resolve(import.meta.dirname, '../../../test/support/write-until-killed.ts'), folder],
      ready: /acknowledged/,
    });
    for (let round = 0; round < 4; round++) {
      // killed at an arbitrary moment after it has acknowledged some more
      const enough = (await acknowledged(writer.folder)).length + 200 * (round + 1);
      await expect
        .poll(async () => (await acknowledged(writer.folder)).length, { interval: 5, timeout: 20_000 })
        .toBeGreaterThan(enough);
      await writer.kill();
      const told = await acknowledged(writer.folder);
      {
        await using database = await openDatabase(writer.folder); // the dead writer's lock is no obstacle
        const store = await openMessageStore(database, systemClock);
        const found = await store.find(told.map(([id]) => id));
        const lost = told.filter(
          ([, state], i) => found[i]?.events[state === 'inserted' ? 0 : 1] === undefined,
        );
        expect(lost).toEqual([]);
        for (const message of found)
          expect(message?.events).toHaveLength(message?.deliveries[0]?.state === 'sending' ? 2 : 1);
      }
      await appendFile(join(writer.folder, 'acknowledged'), '\n');
      await writer.restart();
    }
  });
});

/** The writes that were acknowledged to the writer. An incomplete last line does not count. */
async function acknowledged(folder: string): Promise<[MessageId, string][]> {
  const text = await readFile(join(folder, 'acknowledged'), 'utf8');
  const length = newMessageId(0).length;
  return text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== '')
    .map((line) => [line.slice(0, length) as MessageId, line.slice(length + 1)]);
}
