// Every write of every store waits for a majority and the journal (P1), and a write whose
// confirmation failed counts as failed, although the server has made it.

import type { CommandStartedEvent } from 'mongodb';
import { expect, it } from 'vitest';
import { newBlobId, sampleMessage } from '../../../test/contract/sample-message.ts';
import { uniqueName } from '../../../test/support/backend.ts';
import { borrow, describeWith } from '../../../test/support/describe-with.ts';
import type { Change } from '../../core/delivery/delivery.ts';
import { openBlobStore } from './blob-store.ts';
import { type Mongo, openMongo } from './connection.ts';
import { openKeyStore } from './key-store.ts';
import { openMessageStore } from './message-store.ts';
import { openSenderFigures } from './sender-figures.ts';
import { openSuppressionStore } from './suppression-store.ts';
import { startWriteConcernFront } from './write-concern-front.fixture.ts';

async function* content() {
  yield new Uint8Array(100);
}

const key = (id: string) => ({
  ...{
    id,
    tenant: 'default',
    name: 'test',
    secretHash: '00',
    scopes: [],
    environment: 'live' as const,
  },
  ...{ senders: [], requestsPerMinute: 1, expiresAt: null, revokedAt: null, createdAt: 1, createdBy: null },
});
const suppression = { tenant: 'default', scope: 'all', hash: 'k:00', reason: 'manual', createdAt: 1 };
const figures = {
  ...{ tenant: 'default', sender: 'one', sent: 1, deferred: 0, bounced: 0 },
  ...{ lastReply: null, pausedRoutes: {} },
};

/** Each write of each store that programs use while they serve, on data of the same test. */
async function writesOf(mongo: Mongo): Promise<readonly (readonly [string, () => Promise<unknown>])[]> {
  const messages = await openMessageStore(mongo);
  const blobs = await openBlobStore(mongo);
  const keys = await openKeyStore(mongo);
  const suppressions = openSuppressionStore(mongo);
  const senderFigures = await openSenderFigures(mongo);
  const createdAt = messages.now();
  const held = { key: 'held', fingerprint: 'f' };
  const stored = sampleMessage({ createdAt, idempotency: held });
  const [inserted] = await messages.insert([stored]);
  if (inserted?.kind !== 'inserted') throw new Error('the message is new');
  const change: Change = {
    message: stored.id,
    delivery: 0,
    version: inserted.versions[0] ?? '',
    set: { wakeAt: createdAt + 1 },
    event: null,
  };
  await keys.add(key('revoked'));
  await suppressions.add({ ...suppression, hash: 'k:01' });
  const written = newBlobId(createdAt);
  await blobs.put(written, 'default', content());
  return [
    ['the insert of a message', () => messages.insert([sampleMessage({ createdAt })])],
    ['the insert of a message that is stored already', () => messages.insert([stored])],
    [
      'the insert of a message whose key is taken',
      () => messages.insert([sampleMessage({ createdAt, idempotency: held })]),
    ],
    ['a change of a delivery', () => messages.apply([change])],
    ['the removal of an idempotency key', () => messages.dropIdempotencyKey(stored.id, held.key)],
    ['the mark that readiness writes', () => messages.check()],
    ['a blob', () => blobs.put(newBlobId(createdAt), 'default', content())],
    ['the deletion of a blob', () => blobs.delete([written])],
    ['an API key', () => keys.add(key('new'))],
    ['an API key that is stored already', () => keys.add(key('revoked'))],
    ['a revocation', () => keys.revoke('default', 'revoked', 2)],
    ['a suppression', () => suppressions.add(suppression)],
    ['a suppression that is stored already', () => suppressions.add({ ...suppression, hash: 'k:01' })],
    ['the removal of a suppression', () => suppressions.remove('default', 'all', 'k:01')],
    ['the figures of a sender', () => senderFigures.add([figures])],
  ];
}

const WRITING = new Set(['insert', 'update', 'delete', 'findAndModify', 'createIndexes']);

describeWith(['mongo'], 'a write to MongoDB', () => {
  it('waits for a majority and the journal, whatever the URL says', async () => {
    const { url } = await borrow('mongo');
    const weaker = `${url}${url.includes('?') ? '&' : '/?'}w=1&journal=false&monitorCommands=true`;
    await using mongo = await openMongo(weaker, { database: uniqueName('durable') });
    const sent: CommandStartedEvent[] = [];
    mongo.db.client.on('commandStarted', (event) => {
      if (WRITING.has(event.commandName)) sent.push(event);
    });
    for (const [, write] of await writesOf(mongo)) await write();
    await mongo.db.dropDatabase();
    expect(new Set(sent.map(({ commandName }) => commandName))).toEqual(
      new Set(['createIndexes', 'insert', 'update', 'delete']),
    );
    const weak = sent.filter(({ command }) => {
      const { w, j } = (command.writeConcern ?? {}) as { readonly w?: unknown; readonly j?: unknown };
      return w !== 'majority' || j !== true;
    });
    expect(weak.map(({ commandName, command }) => `${commandName} ${command[commandName]}`)).toEqual([]);
  });

  it('whose write concern failed is a failure, also where a unique index refused the write', async () => {
    const { url } = await borrow('mongo');
    await using front = await startWriteConcernFront(url);
    await using mongo = await openMongo(front.url, { database: uniqueName('durable') });
    const writes = await writesOf(mongo);
    const outcomes: string[] = [];
    front.isFailing = true;
    for (const [name, write] of writes) {
      const { failed } = front;
      const outcome = await write().then(
        () => 'succeeded',
        (error: { readonly kind?: string }) => error.kind ?? String(error),
      );
      expect(front.failed, name).toBeGreaterThan(failed);
      outcomes.push(`${name}: ${outcome}`);
    }
    front.isFailing = false;
    await mongo.db.dropDatabase();
    expect(outcomes).toEqual(writes.map(([name]) => `${name}: unavailable`));
  });
});
