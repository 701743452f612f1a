// Two tenants in one installation see, reach and disturb nothing of each other (RELIABILITY P16). Keys of another tenant come from an operator; here
// one is put into the store.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { openMongo } from '../../services/adapters/mongo/connection.ts';
import { openKeyStore } from '../../services/adapters/mongo/key-store.ts';
import { openDatabase } from '../../services/adapters/sqlite/database.ts';
import { SqliteKeyStore } from '../../services/adapters/sqlite/key-store.ts';
import { KEY_RANDOM_BYTES, makeKey } from '../../services/core/api-key.ts';
import { scopes } from '../../services/core/principal.ts';
import type { ApiKey } from '../../services/ports/key-store.ts';
import { untilMailTo } from './mails.ts';
import { inTenant, sender, template } from './objects.ts';
import { codeOf, errorsOf, type JsonObject, type RestClient } from './rest-client.ts';
import { onEachSubject, type Stage } from './stage.ts';

const notice = (text: string) => template('notice', { senderRef: { name: 'shop' }, locales: [{ locale: 'en', subject: text, text }] });
const objects = [
  sender('shop'),
  notice('Ours'),
  template('secret', { senderRef: { name: 'shop' }, locales: [{ locale: 'en', subject: 'a', text: 'a' }] }),
  inTenant('other', sender('shop', { domain: 'other.example', from: { address: 'no-reply@other.example' } })),
  inTenant('other', notice('Theirs')),
];

async function keyOf(tenant: string, stage: Stage): Promise<string> {
  const { text, key: made } = makeKey('live', randomBytes(KEY_RANDOM_BYTES));
  const key: ApiKey = {
    ...made,
    tenant,
    name: `of ${tenant}`,
    scopes,
    environment: 'live',
    senders: [],
    requestsPerMinute: 5_000,
    expiresAt: null,
    revokedAt: null,
    createdAt: Date.now(),
    createdBy: null,
  };
  const { env, programs } = stage.packetboat;
  if (stage.subject === 'cluster') {
    await using mongo = await openMongo(String(env.MONGODB_URL));
    await (await openKeyStore(mongo)).add(key);
    return text;
  }
  // a second process may not use the folder
  const [program] = programs;
  if (program === undefined) throw new Error('nothing runs');
  await program.stop();
  {
    await using database = await openDatabase(join(program.folder, '.packetboat'));
    await new SqliteKeyStore(database).add(key);
  }
  await program.restart();
  return text;
}

onEachSubject('tenants', { objects }, (stage) => {
  let ours: RestClient;
  let theirs: RestClient;
  const request: JsonObject = { recipient: 'user@example.com', template: 'notice' };

  beforeAll(async () => {
    theirs = stage.rest.withKey(await keyOf('other', stage));
    ours = stage.rest;
  });

  it('each has its own template and sender of the same name', async () => {
    await ours.accepted({ ...request, recipient: 'ours@example.com' });
    await theirs.accepted({ ...request, recipient: 'theirs@example.com' });
    expect((await untilMailTo(stage.sink, 'ours@example.com')).raw?.toString()).toContain('no-reply@shop.shop.example');
    expect((await untilMailTo(stage.sink, 'theirs@example.com')).raw?.toString()).toContain('no-reply@other.example');
    expect((await theirs.get('/v1/senders')).text).not.toContain('shop.shop.example');
    expect((await theirs.get('/v1/templates')).text).not.toContain('secret');
  });

  it('a message of the one is not found by the other, nor its timeline, and cannot be cancelled', async () => {
    const id = await ours.accepted({ ...request, scheduled_time: new Date(Date.now() + 3_600_000).toISOString() });
    const unknown = await theirs.get('/v1/messages/msg_00000000000000000000000000');
    for (const [method, path] of [
      ['GET', `/v1/messages/${id}`],
      ['GET', `/v1/messages/${id}/events`],
      ['DELETE', `/v1/messages/${id}`],
    ] as const) {
      const answer = await theirs.request(method, path);
      // word for word what is said of an id that nobody has
      expect([answer.status, answer.body.error]).toEqual([404, unknown.body.error]);
    }
    expect((await ours.message(id)).status).toBe('scheduled');
    expect((await theirs.get(`/v1/messages?recipient=user@example.com`)).body.messages).toEqual([]);
  });

  it('the sender of the one cannot be used by the other, by name, by From or by its template', async () => {
    expect(errorsOf(await theirs.send({ ...request, from: 'a@shop.shop.example' })).map(({ code }) => code)).toEqual(['foreign_domain']);
    const raw = await theirs.send({ recipient: 'user@example.com', from: 'a@shop.shop.example', subject: 'a', text: 'a' });
    expect(errorsOf(raw).map(({ code }) => code)).toEqual(['unknown_domain']);
    expect(errorsOf(await theirs.send({ ...request, template: 'secret' })).map(({ code }) => code)).toEqual(['unknown_template']);
  });

  it('an idempotency key is the tenant’s own', async () => {
    const headers = { 'Idempotency-Key': 'shared' };
    const [one, two] = [await ours.send(request, headers), await theirs.send(request, headers)];
    expect([one.status, two.status]).toEqual([202, 202]);
    expect(one.body.message_id).not.toBe(two.body.message_id);
  });

  it('a suppression is the tenant’s own', async () => {
    await ours.post('/v1/suppressions', { recipient: 'gone@example.com' });
    expect((await ours.send({ ...request, recipient: 'gone@example.com' })).body.status).toBe('suppressed');
    expect((await theirs.send({ ...request, recipient: 'gone@example.com' })).body.status).toBe('queued');
  });

  it('keys of the other are neither listed nor revoked', async () => {
    const { keys } = (await ours.get('/v1/keys')).body as { keys: { key_id: string; name: string }[] };
    expect(keys.map(({ name }) => name)).toEqual(['bootstrap']);
    expect((await theirs.delete(`/v1/keys/${keys[0]?.key_id}`)).status).toBe(404);
    expect((await ours.get('/v1/keys')).status).toBe(200);
  });

  it('a cursor of the other is refused', async () => {
    await ours.accepted(request);
    await ours.accepted(request);
    const { body } = await ours.get('/v1/messages?limit=1');
    const answer = await theirs.get(`/v1/messages?limit=1&cursor=${encodeURIComponent(String(body.next_cursor))}`);
    expect([answer.status, codeOf(answer)]).toEqual([422, 'validation_failed']);
  });
});
