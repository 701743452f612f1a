// The rights and limits of keys: scopes, request limits, revocation, tenants, and the headers of
// every response.

import { describe, expect, it, vi } from 'vitest';
import { sender } from './objects.ts';
import { codeOf, errorsOf, type JsonObject, type RestAnswer, type RestClient } from './rest-client.ts';
import { firstKeyOf, startWith } from './second-tenant.ts';
import { onEachSubject } from './stage.ts';

const request: JsonObject = {
  recipient: 'user@example.com',
  subject: 'Hello',
  text: 'Hello',
  sender: 'shop',
};
const objects = [sender('shop', { limits: { messagesPerSecond: 0 } }), sender('other')];

/** Each public call, and the scope that it needs. */
const calls: readonly (readonly [
  scope: string,
  method: string,
  path: string,
  body: JsonObject | undefined,
])[] = [
  ['messages:send', 'POST', '/v1/messages', request],
  ['messages:send', 'POST', '/email/send-email/', { identifier: 'none', receiver: 'user@example.com' }],
  ['messages:send', 'DELETE', '/v1/messages/msg_none', undefined],
  ['messages:read', 'GET', '/v1/messages', undefined],
  ['messages:read', 'GET', '/v1/messages/msg_none', undefined],
  ['messages:read', 'GET', '/v1/messages/msg_none/events', undefined],
  ['suppressions:write', 'POST', '/v1/suppressions', { recipient: 'gone@example.com' }],
  ['senders:read', 'GET', '/v1/senders', undefined],
  ['templates:read', 'GET', '/v1/templates', undefined],
  ['keys:read', 'GET', '/v1/keys', undefined],
  ['keys:write', 'DELETE', '/v1/keys/none', undefined],
  ['keys:write', 'POST', '/v1/keys', { name: '' }],
];

onEachSubject('keys', { env: { PACKETBOAT_TRUSTED_PROXIES: '127.0.0.0/8' }, size: 2, objects }, (stage) => {
  async function makeKey(
    wanted: JsonObject = {},
  ): Promise<{ readonly id: string; readonly rest: RestClient }> {
    const made = await stage.rest.post('/v1/keys', { name: 'made by a test', ...wanted });
    expect(made.status).toBe(201);
    return {
      id: (made.body.key as { key_id: string }).key_id,
      rest: stage.rest.withKey(String(made.body.secret)),
    };
  }
  const perform = (rest: RestClient, [, method, path, body]: (typeof calls)[number]): Promise<RestAnswer> =>
    rest.request(method, path, body === undefined ? {} : { body });

  describe('scopes', () => {
    it.each(calls)('%s: without it %s %s is 403, with it alone it is not', async (...call) => {
      const [scope] = call;
      const all = [
        'messages:send',
        'messages:read',
        'suppressions:write',
        'senders:read',
        'templates:read',
        'keys:read',
        'keys:write',
      ];
      const without = await perform(
        (await makeKey({ scopes: all.filter((one) => one !== scope) })).rest,
        call,
      );
      expect(without.status).toBe(403);
      expect((without.body.error as JsonObject).message).toContain(scope);
      expect((await perform((await makeKey({ scopes: [scope] })).rest, call)).status).not.toBe(403);
    });

    it('a key cannot make a key with more rights', async () => {
      const expires_at = new Date(Date.now() + 60_000).toISOString();
      const own = {
        scopes: ['keys:write', 'messages:read'],
        environment: 'testing',
        senders: ['shop'],
        requests_per_minute: 5,
        expires_at,
      };
      const { id, rest } = await makeKey(own);
      const more = {
        scopes: ['messages:send'],
        environment: 'live',
        senders: ['other'],
        requests_per_minute: 1_000_000,
      };
      const answer = await rest.post('/v1/keys', {
        name: 'more',
        ...more,
        expires_at: '2040-01-01T00:00:00Z',
      });
      expect([answer.status, errorsOf(answer).map(({ field }) => field)]).toEqual([
        422,
        ['scopes[0]', 'environment', 'senders[0]', 'requests_per_minute', 'expires_at'],
      ]);
      const child = await rest.post('/v1/keys', { name: 'equal' });
      expect(child.body.key).toMatchObject({ ...own, created_by: id });
    });

    it('a key of one sender may not use another, named or by From', async () => {
      const { rest } = await makeKey({ senders: ['other'] });
      expect((await rest.send(request)).status).toBe(403);
      expect((await rest.send({ ...request, sender: undefined, from: 'a@shop.shop.example' })).status).toBe(
        422,
      );
      const own = await rest.send({ ...request, sender: undefined });
      expect(own.status).toBe(202);
      expect((await stage.rest.message(String(own.body.message_id))).sender).toBe('other');
    });
  });

  describe('a restricted key', () => {
    const later = { ...request, scheduled_time: new Date(Date.now() + 3_600_000).toISOString() };
    const unknown = '/v1/messages/msg_00000000000000000000000000';
    const kinds: readonly (readonly [string, JsonObject, JsonObject, JsonObject])[] = [
      ['of a sender', { senders: ['other'] }, { sender: 'shop' }, { sender: 'other' }],
      ['of testing', { environment: 'testing' }, { environment: 'live' }, { environment: 'testing' }],
    ];

    it.each(kinds)(
      '%s neither reads nor cancels messages beyond it, and lists full pages of its own',
      async (_, wanted, beyond, within) => {
        const { rest } = await makeKey(wanted);
        const foreign = await stage.rest.accepted({ ...later, ...beyond });
        const own = [
          await stage.rest.accepted({ ...later, ...within }),
          await rest.accepted({ ...later, ...within }),
        ];
        await stage.rest.accepted({ ...later, ...beyond });
        for (const [method, path] of [
          ['GET', ''],
          ['GET', '/events'],
          ['DELETE', ''],
        ] as const) {
          const [answer, none] = [
            await rest.request(method, `/v1/messages/${foreign}${path}`),
            await rest.request(method, unknown + path),
          ];
          expect([answer.status, answer.body.error]).toEqual([404, none.body.error]);
        }
        const first = await rest.get('/v1/messages?limit=1&status=scheduled');
        const second = await rest.get(
          `/v1/messages?limit=1&status=scheduled&cursor=${encodeURIComponent(String(first.body.next_cursor))}`,
        );
        const idsOf = ({ body }: RestAnswer): unknown[] =>
          (body.messages as JsonObject[]).map(({ message_id }) => message_id);
        expect([...idsOf(first), ...idsOf(second)]).toEqual(own.toReversed());
        expect((await stage.rest.message(foreign)).status).toBe('scheduled');
        expect((await rest.send({ ...later, ...beyond })).status).toBe(403);
        expect((await rest.delete(`/v1/messages/${own[0]}`)).status).toBe(200);
      },
    );

    it.each(kinds)(
      '%s writes no suppressions, and revokes and sees no key beyond itself',
      async (_, wanted) => {
        const { id, rest } = await makeKey(wanted);
        const { id: root } = await makeKey();
        expect((await rest.post('/v1/suppressions', { recipient: 'gone@example.com' })).status).toBe(403);
        expect((await rest.delete(`/v1/keys/${root}`)).status).toBe(404);
        const listed = (await rest.get('/v1/keys')).text;
        expect([listed.includes(id), listed.includes(root)]).toEqual([true, false]);
        expect((await rest.delete(`/v1/keys/${id}`)).status).toBe(200);
      },
    );
  });

  it('the last unrestricted key that makes keys can be revoked only by force, stays revoked, and another first key replaces it', async () => {
    const key = await firstKeyOf('alone', stage);
    const rest = stage.rest.withKey(key);
    const [{ key_id }] = (await rest.get('/v1/keys')).body.keys as [{ key_id: string }];
    for (const restriction of [{ environment: 'draft' }, { environment: 'testing' }])
      expect((await rest.post('/v1/keys', { name: 'restricted', ...restriction })).status).toBe(201);
    const refused = await rest.delete(`/v1/keys/${key_id}`);
    expect([refused.status, codeOf(refused)]).toEqual([409, 'last_key']);
    expect((await rest.delete(`/v1/keys/${key_id}?force=false`)).status).toBe(409);
    expect((await rest.delete(`/v1/keys/${key_id}?force=true`)).status).toBe(200);

    const said = await startWith('alone', key, stage);
    expect(said).toContain('PACKETBOAT_BOOTSTRAP_KEY was revoked');
    expect(said).not.toContain(key);
    // each instance of ingest has its own cache
    const headers = { 'x-forwarded-for': '192.0.2.2' };
    const statuses = async () =>
      Promise.all(
        Array.from({ length: 4 }, async () => (await rest.request('GET', '/v1/keys', { headers })).status),
      );
    // seldom enough that the failures of one key stay below the limit
    await vi.waitFor(async () => expect(new Set(await statuses())).toEqual(new Set([401])), {
      timeout: 6_000,
      interval: 1_000,
    });
    expect((await stage.rest.withKey(await firstKeyOf('alone', stage)).get('/v1/keys')).status).toBe(200);
  });

  it.each([
    ['none', null, {}],
    ['one that is not ours', 'sk_live_c4nary', {}],
    ['an unknown one', `sk_live_${'x'.repeat(40)}`, {}],
    ['another scheme', null, { authorization: 'Basic dXNlcjpwYXNz' }],
    ['a wrong X-Api-Token', null, { 'x-api-token': 'my_api_key' }],
  ])('a key that is %s is 401, whatever else is wrong', async (_, key, headers) => {
    for (const body of [JSON.stringify(request), '{"broken', '{}'.padEnd(200_000)]) {
      const answer = await stage.rest.withKey(key).request('POST', '/v1/messages', { body, headers });
      expect(answer.status).toBe(401);
      expect(codeOf(answer)).toBe('unauthenticated');
      if (key !== null) expect(answer.text).not.toContain(key);
    }
  });

  it('a revoked key stops working within 5 seconds, permanently', async () => {
    const { id, rest } = await makeKey();
    const headers = { 'x-forwarded-for': '192.0.2.1' };
    expect((await rest.get('/v1/messages')).status).toBe(200);
    expect((await stage.rest.delete(`/v1/keys/${id}`)).status).toBe(200);
    // 5 s are promised, one more is for the way there and back; each instance of ingest finds out
    // by itself, so one answer is not enough
    await vi.waitFor(
      async () => {
        const answers = await Promise.all(
          Array.from({ length: 10 }, () => rest.request('GET', '/v1/messages?limit=1', { headers })),
        );
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
      },
      // seldom enough that the failures of one key stay below the limit
      { timeout: 6_000, interval: 1_000 },
    );
    const after = await rest.send(request, headers);
    expect(after.status).toBe(401);
    expect((after.body.error as JsonObject).message).toMatch(/revoked/);
  });

  it('an expired key gets 401', async () => {
    const { rest } = await makeKey({ expires_at: new Date(Date.now() + 2_000).toISOString() });
    expect((await rest.get('/v1/messages')).status).toBe(200);
    const headers = { 'x-forwarded-for': '192.0.2.2' };
    await vi.waitFor(
      async () => expect((await rest.request('GET', '/v1/messages', { headers })).status).toBe(401),
      {
        timeout: 5_000,
        interval: 100,
      },
    );
  });

  it('a list of keys contains no secret', async () => {
    const { rest } = await makeKey({ name: 'listed' });
    const list = await stage.rest.get('/v1/keys');
    expect(list.text).toContain('listed');
    expect(list.text).not.toContain(String(rest.key).slice(25));
    expect(list.text).not.toMatch(/secret|sk_live|hash/);
  });

  describe('limits', () => {
    it('a key with 5 requests a minute gets 429 with Retry-After for the sixth', async () => {
      const { rest } = await makeKey({ requests_per_minute: 5 });
      const answers: RestAnswer[] = [];
      for (let i = 0; i < 6; i++) answers.push(await rest.get('/v1/messages?limit=1'));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429]);
      const remaining = answers.map(({ headers }) => Number(headers.get('x-ratelimit-remaining')));
      expect(remaining).toEqual(remaining.toSorted((a, b) => b - a));
      const refused = answers[5];
      expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(Number(refused?.headers.get('retry-after'))).toBeLessThanOrEqual(60);
      expect(refused?.headers.get('x-ratelimit-limit')).toBe('5');
      expect(refused?.headers.get('x-ratelimit-remaining')).toBe('0');
      expect(refused && codeOf(refused)).toBe('rate_limited');
    });

    it('a rejected message is not sent', async () => {
      const { rest } = await makeKey({ requests_per_minute: 1 });
      await rest.get('/v1/messages');
      expect((await rest.send({ ...request, recipient: 'limited@example.com' })).status).toBe(429);
      expect((await stage.rest.get('/v1/messages?recipient=limited@example.com')).body.messages).toEqual([]);
    });

    it.each([...calls, ['', 'POST', '/v1/messages', { nonsense: 1 }]] as typeof calls)(
      'every answer has its headers: %s %s %s',
      async (...call) => {
        const { headers } = await perform(stage.rest, call);
        expect(headers.get('x-request-id')).toMatch(/^\S{8,}$/);
        expect(headers.get('x-ratelimit-limit')).toBe('5000');
        expect(Number(headers.get('x-ratelimit-remaining'))).toBeLessThan(5_000);
        const inSeconds = Number(headers.get('x-ratelimit-reset')) - Date.now() / 1000;
        expect(inSeconds).toBeGreaterThan(-5);
        expect(inSeconds).toBeLessThan(65);
      },
    );

    it.each([
      ['GET', '/v1/nothing'],
      ['PUT', '/v1/messages'],
      ['OPTIONS', '/v1/messages'],
      ['GET', '/healthz'],
      ['GET', '/docs'],
    ])('an answer for which no key was looked at has a limit of 0: %s %s', async (method, path) => {
      const { headers } = await stage.rest.request(method, path);
      expect(headers.get('x-request-id')).toMatch(/^\S{8,}$/);
      expect(['limit', 'remaining'].map((name) => headers.get(`x-ratelimit-${name}`))).toEqual(['0', '0']);
      expect(Math.abs(Number(headers.get('x-ratelimit-reset')) - Date.now() / 1000)).toBeLessThan(65);
    });

    it('an error contains the request id of its header', async () => {
      const answer = await stage.rest.get('/v1/messages/msg_none');
      expect(answer.body.request_id).toBe(answer.headers.get('x-request-id'));
    });
  });
});
