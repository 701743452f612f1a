import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { doorLimits } from '../services/core/limits/door.ts';
import { goodMessage, type TestGateway, testGateway } from './gateway.fixture.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const json = (value: unknown): string => JSON.stringify(value);
const otp = {
  recipient: 'user@example.com',
  template: 'otp-code',
  template_data: { code: '847291', expires_in: '5 minutes' },
};
const mailbindr = {
  identifier: 'email_key',
  receiver: 'email@email.com',
  language: 'en',
  environment: 'draft',
  context: { some_variable: 'some_value' },
};

describe('handing over', () => {
  test('a message is answered 202, with its id and time', async () => {
    const { status, body } = await gateway.send('/v1/messages', {
      body: json({ ...otp, subject: 'Your verification code' }),
    });
    expect(status).toBe(202);
    expect(body).toEqual({
      message_id: expect.stringMatching(/^msg_/),
      status: 'queued',
      recipient: 'user@example.com',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  test('long numbers of a body reach the template and the metadata as they were written', async () => {
    const body =
      '{"recipient":"user@example.com","template":"otp-code","template_data":{"code":"847291","expires_in":9007199254740993},"metadata":{"order":[9007199254740993,17]}}';
    const sent = await gateway.send('/v1/messages', { body });
    expect(sent.body).toMatchObject({ status: 'queued' });
    const { body: message } = await gateway.send(`/v1/messages/${sent.body.message_id}`);
    expect(message).toMatchObject({ metadata: { order: ['9007199254740993', 17] } });
    const [stored] = await gateway.ingest.messages.list({ tenant: 'default', limit: 1 });
    expect(stored?.content.templateData).toEqual({
      inline: '{"code":"847291","expires_in":"9007199254740993"}',
    });
  });

  test('a list finds a message under every spelling of its recipient', async () => {
    const sent = await gateway.send('/v1/messages', {
      body: json({ ...otp, recipient: 'Zoë.Q@bücher.example' }),
    });
    expect(sent.body.recipient).toBe('Zoë.Q@xn--bcher-kva.example');
    for (const spelling of ['zoe\u0308.q@BÜCHER.example', 'ZOË.Q@xn--bcher-kva.example']) {
      const { body } = await gateway.send(`/v1/messages?recipient=${encodeURIComponent(spelling)}`);
      expect(body.messages).toMatchObject([{ message_id: sent.body.message_id }]);
    }
  });

  test.each([['/email/send-email/'], ['/email/send-email']])(
    "Mailbindr's request works as it is, at %s",
    async (path) => {
      const headers = { 'content-type': 'application/json', 'x-api-token': gateway.key };
      const { status, body } = await gateway.send(path, { body: json(mailbindr), headers });
      expect(status).toBe(200);
      expect(body).toMatchObject({
        message_id: expect.stringMatching(/^msg_/),
        recipient: 'email@email.com',
      });
    },
  );

  test.each([
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    '???',
    'application/json; charset=latin1',
  ])('whatever its content type calls it: %s', async (type) => {
    const headers = {
      authorization: `Bearer ${gateway.key}`,
      ...(type === undefined ? {} : { 'content-type': type }),
    };
    const { status } = await gateway.send('/v1/messages', { body: Buffer.from(json(otp)), headers });
    expect(status).toBe(202);
  });

  test.each([
    ['Idempotency-Key', { 'idempotency-key': 'k-header' }, {}],
    ['X-Idempotency-Key', { 'x-idempotency-key': 'k-x-header' }, {}],
    ['the same inside the body', {}, { headers: { 'X-Idempotency-Key': 'k-body' } }],
  ])('twice under one key, by %s, is one message', async (_, headers, more) => {
    const options = {
      body: json({ ...otp, ...more }),
      headers: { authorization: `Bearer ${gateway.key}`, ...headers },
    };
    const first = await gateway.send('/v1/messages', options);
    const second = await gateway.send('/v1/messages', options);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.body).toEqual(first.body);
    expect([first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
    const other = await gateway.send('/v1/messages', {
      ...options,
      body: json({ ...otp, ...more, recipient: 'other@example.com' }),
    });
    expect([other.status, other.body.error.code]).toEqual([422, 'idempotency_key_reused']);
  });

  test('under two keys that differ is refused', async () => {
    const headers = {
      authorization: `Bearer ${gateway.key}`,
      'idempotency-key': 'a',
      'x-idempotency-key': 'b',
    };
    const { status, body } = await gateway.send('/v1/messages', { body: json(otp), headers });
    expect([status, body.error.errors[0]?.code]).toEqual([422, 'idempotency_keys_differ']);
  });

  test('many at once are answered each for itself', async () => {
    const recipients = Array.from({ length: 100 }, (_, i) =>
      i % 3 === 0 ? 'nobody' : `user${i}@example.com`,
    );
    const answers = await Promise.all(
      recipients.map((recipient) => gateway.send('/v1/messages', { body: json({ ...otp, recipient }) })),
    );
    expect(
      answers.map(({ status, body }) => (status === 202 ? body.recipient : body.error.errors[0]?.field)),
    ).toEqual(recipients.map((recipient) => (recipient === 'nobody' ? 'recipient' : recipient)));
  });
});

describe('the rest of the contract', () => {
  test('a message is found, listed, followed and cancelled', async () => {
    const scheduled_time = new Date(Date.now() + 3_600_000).toISOString();
    const { body: sent } = await gateway.send('/v1/messages', {
      body: json({ ...goodMessage, scheduled_time }),
    });
    const { body: found } = await gateway.send(`/v1/messages/${sent.message_id}`);
    expect(found).toMatchObject({
      message_id: sent.message_id,
      status: 'scheduled',
      priority: 'normal',
      environment: 'live',
      scheduled_time,
    });
    expect(found).not.toHaveProperty('template');
    const { body: listed } = await gateway.send('/v1/messages?status=scheduled&limit=1');
    expect(listed.messages).toMatchObject([{ message_id: sent.message_id, recipients: 1 }]);
    const { body: timeline } = await gateway.send(`/v1/messages/${sent.message_id}/events/`);
    expect(timeline.events).toMatchObject([{ type: 'scheduled', seq: 1, recipient: 'user@example.com' }]);
    const headers = { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' };
    const cancelled = await gateway.send(`/v1/messages/${sent.message_id}`, { method: 'DELETE', headers });
    expect([cancelled.status, cancelled.body]).toEqual([
      200,
      { message_id: sent.message_id, status: 'cancelled' },
    ]);
  });

  test('a repeated action has another status', async () => {
    const body = json({ recipient: 'gone@example.com', reason: 'user_unsubscribed' });
    const answers = [
      await gateway.send('/v1/suppressions', { body }),
      await gateway.send('/v1/suppressions', { body }),
    ];
    expect(answers.map(({ status, body: { created } }) => [status, created])).toEqual([
      [201, true],
      [200, false],
    ]);
  });

  test('no body is an empty one', async () => {
    const answers = [
      await gateway.send('/v1/keys', { method: 'POST' }),
      await gateway.send('/v1/keys', { body: '{}' }),
    ];
    expect(answers.map(({ status, body }) => [status, body.error.errors])).toEqual([
      [422, [expect.objectContaining({ field: 'name' })]],
      [422, [expect.objectContaining({ field: 'name' })]],
    ]);
  });
});

describe('refusing', () => {
  test.each([
    ['no JSON', '/v1/messages', 'not json', 400, []],
    ['half of it', '/v1/messages', '{"to":', 400, []],
    ['no object', '/v1/messages', '[1]', 400, ['']],
    ['broken UTF-8', '/v1/messages', Buffer.from([0x22, 0xff, 0x22]), 400, []],
    [
      'faults of shape, all of them',
      '/v1/messages?dry=1',
      json({ bogus: 1, to: [1] }),
      400,
      ['dry', 'bogus', 'to[0]'],
    ],
    [
      'faults of content, all of them',
      '/v1/messages',
      json({ to: ['x', 'a@example.com\r\nBcc: b@example.com'] }),
      422,
      null,
    ],
    ['parameters that do not exist', '/v1/messages?page=2', undefined, 400, ['page']],
    ['values that do not exist', '/v1/messages?status=sent&limit=many', undefined, 400, ['status', 'limit']],
    ['a page that is too large', '/v1/messages?limit=101', undefined, 422, ['limit']],
    ['an unknown message', '/v1/messages/msg_00000000000000000000000000', undefined, 404, []],
    ['an unknown address', '/v1/nothing', undefined, 404, []],
    ['a known address with another method', '/v1/keys/key_x/', undefined, 405, []],
    ['an invalid URL', '/v1/messages/%ff', undefined, 400, []],
  ])('%s', async (_, path, body, status, fields) => {
    const answer = await gateway.send(path, body === undefined ? {} : { body });
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({
      error: { code: expect.any(String), message: expect.any(String), errors: expect.any(Array) },
      request_id: answer.headers.get('x-request-id'),
    });
    if (fields !== null) expect(answer.body.error.errors.map((e) => e.field)).toEqual(fields);
  });

  test('the error has the position in invalid JSON, and none of its text', async () => {
    const { body } = await gateway.send('/v1/messages', {
      body: '{"recipient": "secret@example.com",\n "x" secret}',
    });
    expect(body.error.message).toBe('The body is not valid JSON (line 2, column 6).');
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  test('truncated JSON and invalid JSON have different errors', async () => {
    const { body } = await gateway.send('/v1/messages', { body: '{"recipient": ' });
    expect(body.error.message).toBe('The body ends in the middle of its JSON.');
  });

  test.each([
    ['no key', {}],
    ['a text that is not a key', { authorization: 'Bearer sk_live_nothing' }],
    ['a key that no header can carry further', { 'x-api-token': 'ké' }],
    ['another scheme', { authorization: 'Basic abc' }],
  ])('%s comes before every other fault', async (_, headers) => {
    for (const body of [
      'not json',
      json({ bogus: 1 }),
      'x'.repeat(doorLimits.bodyInMemoryBytes + 1),
      json(otp),
    ]) {
      const answer = await gateway.send('/v1/messages', { body, headers });
      expect([answer.status, answer.body.error.code]).toEqual([401, 'unauthenticated']);
      expect(JSON.stringify(answer.body)).not.toContain('nothing');
    }
  });

  test('a scope that the key lacks comes before faults of shape', async () => {
    const { body: key } = await gateway.send('/v1/keys', {
      body: json({ name: 'reader', scopes: ['messages:read'] }),
    });
    const headers = { authorization: `Bearer ${key.secret}` };
    expect((await gateway.send('/v1/messages', { body: 'not json', headers })).status).toBe(403);
    expect((await gateway.send('/v1/messages', { body: json(otp), headers })).status).toBe(403);
    expect((await gateway.send('/v1/messages', { headers })).status).toBe(200);
  });

  test('a budget that is spent is 429, with the time to come back', async () => {
    const { body: key } = await gateway.send('/v1/keys', {
      body: json({ name: 'slow', requests_per_minute: 1 }),
    });
    const headers = { authorization: `Bearer ${key.secret}` };
    const answers = [
      await gateway.send('/v1/senders', { headers }),
      await gateway.send('/v1/senders', { headers }),
    ];
    expect(answers.map((a) => a.status)).toEqual([200, 429]);
    expect(answers.map((a) => a.headers.get('x-ratelimit-remaining'))).toEqual(['0', '0']);
    expect(Number(answers[1]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('every answer', () => {
  test.each([
    ['/v1/messages', 200],
    ['/v1/messages?x=1', 400],
    ['/v1/messages/msg_x', 404],
  ])('of %s has its id and the figures of its key', async (path, status) => {
    const seconds = () => Math.floor(Date.now() / 1_000);
    const before = seconds();
    const answer = await gateway.send(path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-f-]{36}$/);
    expect(answer.headers.get('x-ratelimit-limit')).toBe('5000');
    expect(Number(answer.headers.get('x-ratelimit-remaining'))).toBeLessThan(5000);
    const reset = Number(answer.headers.get('x-ratelimit-reset'));
    expect(reset).toBeGreaterThanOrEqual(before);
    // the window of the figures is a minute
    expect(reset).toBeLessThanOrEqual(seconds() + 61);
  });

  test.each([
    ['/v1/messages', false],
    ['/v1/nothing', false],
    ['/v1/nothing', true],
    ['/v1/messages/%ff', true],
    ['/v1/messages/msg_x/events', true, 'PUT'],
    ['/v1/messages', true, 'OPTIONS'],
    ['/healthz', false],
    ['/readyz', false],
    ['/docs', false],
    ['/openapi.json', true],
  ])('of %s has figures of nothing when no key was looked at', async (path, hasKey, method = 'GET') => {
    const { headers } = await gateway.send(path, { method, ...(hasKey ? {} : { headers: {} }) });
    expect(headers.get('x-request-id')).toMatch(/^req_/);
    expect(['limit', 'remaining', 'reset'].map((name) => headers.get(`x-ratelimit-${name}`))).toEqual([
      '0',
      '0',
      expect.stringMatching(/^\d+$/),
    ]);
  });

  test('counts once, whatever was asked of ingest for it', async () => {
    const attachments = [{ filename: 'a.txt', content: 'QUJD' }];
    const bodies = [
      otp,
      { bogus: 1 },
      { ...goodMessage, attachments },
      { ...goodMessage, html: 'x'.repeat(100_000) },
    ].map(json);
    const { body: key } = await gateway.send('/v1/keys', {
      body: json({ name: 'counted', requests_per_minute: bodies.length }),
    });
    const headers = { authorization: `Bearer ${key.secret}` };
    const statuses: number[] = [];
    for (const body of [...bodies, json(otp)])
      statuses.push((await gateway.send('/v1/messages', { body, headers })).status);
    expect(statuses).toEqual([202, 400, 202, 202, 429]);
  });

  test('counts once, also when the body of a call that carries no mail is large', async () => {
    const { body: key } = await gateway.send('/v1/keys', {
      body: json({ name: 'counted', requests_per_minute: 3 }),
    });
    const headers = { authorization: `Bearer ${key.secret}` };
    const large = json({ recipient: 'x'.repeat(doorLimits.bodyInMemoryBytes) });
    const statuses: number[] = [];
    for (const body of [large, large, `${large}}`, large])
      statuses.push((await gateway.send('/v1/suppressions', { body, headers })).status);
    expect(statuses).toEqual([422, 422, 400, 429]);
  });

  test('is logged and counted by its route, never by its URL', () => {
    const patterns = new Set(gateway.counted.map(([pattern]) => pattern));
    expect(patterns).toContain('/v1/messages/:message_id');
    expect(patterns).toContain('unmatched');
    expect(JSON.stringify(gateway.logged)).not.toMatch(/msg_|example\.com|sk_live/);
  });
});

describe('HTTP', () => {
  test('HEAD is answered as GET is, without the body', async () => {
    for (const path of ['/v1/messages', '/v1/messages/msg_x', '/docs', '/openapi.json', '/healthz']) {
      const [get, head] = [await gateway.send(path), await gateway.send(path, { method: 'HEAD' })];
      expect([path, head.status, head.headers.get('content-type')]).toEqual([
        path,
        get.status,
        get.headers.get('content-type'),
      ]);
      expect(Number(head.headers.get('content-length'))).toBeGreaterThan(10);
    }
  });

  test.each([
    ['/v1/messages', 'GET, HEAD, OPTIONS, POST'],
    ['/v1/messages/msg_x', 'DELETE, GET, HEAD, OPTIONS'],
    ['/healthz', 'GET, HEAD, OPTIONS'],
  ])('OPTIONS of %s lists its methods, to anybody', async (path, allow) => {
    const { status, headers, body } = await gateway.send(path, { method: 'OPTIONS', headers: {} });
    expect([status, headers.get('allow'), body, headers.get('access-control-allow-origin')]).toEqual([
      204,
      allow,
      '',
      null,
    ]);
  });

  test.each(['deflate', 'br, identity', 'gzip, gzip', 'x', '__proto__'])(
    'a body in the encoding %s gets 415 with the supported encodings',
    async (encoding) => {
      const headers = { authorization: `Bearer ${gateway.key}`, 'content-encoding': encoding };
      const {
        status,
        headers: told,
        body,
      } = await gateway.send('/v1/messages', { body: json(otp), headers });
      expect([status, body.error.code, told.get('accept-encoding'), told.get('x-ratelimit-limit')]).toEqual([
        415,
        'unsupported_content_encoding',
        'gzip, br, zstd',
        '5000',
      ]);
    },
  );

  test('identity is the encoding of a body as it is', async () => {
    const headers = { authorization: `Bearer ${gateway.key}`, 'content-encoding': 'Identity' };
    expect((await gateway.send('/v1/messages', { body: json(otp), headers })).status).toBe(202);
  });

  test('pages of other origins may call the API where their origins are listed, and read no other page', async () => {
    const plugins = [async (app: FastifyInstance) => void app.get('/inbox', async () => 'mail')];
    await using other = await testGateway({ corsOrigins: ['https://app.example'], plugins });
    const ask = async (path: string, method: string, origin: string, more = {}) => {
      const headers = { origin, authorization: `Bearer ${other.key}`, ...more };
      const answer = await other.send(path, { method, headers });
      return [answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')];
    };
    const app = 'https://app.example';
    expect(await ask('/v1/messages', 'GET', app)).toEqual([200, app, 'Origin']);
    expect(await ask('/v1/messages', 'PUT', app)).toEqual([405, app, 'Origin']);
    expect(await ask('/v1/nothing', 'GET', app)).toEqual([404, app, 'Origin']);
    expect(await ask('/v1/messages', 'GET', 'https://evil.example')).toEqual([200, null, 'Origin']);
    const preflight = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    expect(await ask('/v1/messages', 'OPTIONS', app, preflight)).toEqual([
      204,
      app,
      expect.stringMatching(/^Origin, Access-Control-/),
    ]);
    expect(await ask('/inbox', 'GET', app)).toEqual([200, null, null]);
    expect(await ask('/inbox', 'OPTIONS', app, preflight)).toEqual([204, null, null]);
  });
});

describe('beside the contract', () => {
  test('pages of plugins have the headers of every answer, and bodies that come to them are not read', async () => {
    const plugins = [
      async (app: FastifyInstance) => {
        app.get('/inbox', async () => 'mail');
        app.delete('/inbox', async ({ body }, reply) => reply.code(204).send(body));
        app.get('/broken', () => Promise.reject(new Error('secret')));
      },
    ];
    await using other = await testGateway({ plugins });
    const headers = { 'content-type': 'application/json' };
    const answers = [
      await other.send('/inbox', { headers: {} }),
      await other.send('/inbox', { method: 'DELETE', body: '{"a":', headers }),
      await other.send('/inbox', { method: 'POST', body: '[{},', headers }),
      await other.send('/broken', { headers: {} }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 204, 405, 500]);
    for (const answer of answers) {
      expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
      expect(answer.headers.get('x-ratelimit-limit')).toBe('0');
      expect(JSON.stringify(answer.body)).not.toContain('secret');
    }
    await vi.waitUntil(() => other.bodies.discarded === 9);
    expect(other.bodies).toMatchObject({ buffered: 0, parsed: 0 });
  });

  test('health, lost dependencies, and the documentation', async () => {
    expect((await gateway.send('/healthz', { headers: {} })).body).toEqual({ status: 'ok' });
    expect((await gateway.send('/readyz', { headers: {} })).body).toEqual({
      status: 'ready',
      lost: [],
      not_reached: [],
    });
    expect((await gateway.send('/openapi.json', { headers: {} })).body.openapi).toBe('3.1.0');
    const docs = await gateway.send('/docs', { headers: {} });
    expect(docs.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(docs.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  test.each([
    ['the address that it listens on', undefined],
    ['its public URL', 'https://mail.example/api'],
  ])('the description names the gateway by %s, whatever host a caller claims', async (_title, publicUrl) => {
    await using other = await testGateway({ publicUrl });
    const { hostname, port } = new URL(other.url);
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
    };
    const [response] = await once(
      request({ hostname, port, path: '/openapi.json', headers }).end(),
      'response',
    );
    const { servers } = JSON.parse(await text(response)) as { servers: readonly { url: string }[] };
    expect(servers.map(({ url }) => url)).toEqual([publicUrl ?? other.url]);
  });

  test('a program that is not ready says so', async () => {
    await using other = await testGateway({
      health: { readiness: { status: 'not_ready', lost: ['ingest'], notReached: [] }, isReady: false },
    });
    const { status, body } = await other.send('/readyz');
    expect([status, body]).toEqual([503, { status: 'not_ready', lost: ['ingest'], not_reached: [] }]);
  });

  test('an address in use is reported with the setting to change', async () => {
    await expect(testGateway({ http: { host: '127.0.0.1', port: gateway.port } })).rejects.toThrow(
      /PACKETBOAT_HTTP_ADDR/,
    );
  });
});

test('a bug in ingest gets 500 without details', async () => {
  const broken = (): never => {
    throw new Error('secret@example.com');
  };
  await using other = await testGateway({
    client: (own) => ({ ...own, call: async () => broken(), sendMessages: async () => broken() }),
  });
  for (const body of [undefined, json(otp)]) {
    const answer = await other.send('/v1/messages', body === undefined ? {} : { body });
    expect([answer.status, answer.body.error.code]).toEqual([500, 'internal']);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  }
});
