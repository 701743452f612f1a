import { METHODS } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KEY_RANDOM_BYTES, makeKey } from '../services/core/access/api-key.ts';
import { doorLimits } from '../services/core/limits/door.ts';
import { type RawAnswer, RawConnection } from './front/raw-connection.fixture.ts';
import { type TestGateway, testGateway } from './gateway.fixture.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const UNKNOWN_PATH = '/v1/nothing';
/** A path that has the method, as far as there is one, and one that has not. */
const paths: Readonly<Record<string, readonly [known: string | null, wrong: string]>> = {
  GET: ['/v1/messages?limit=1', '/email/send-email'],
  HEAD: ['/v1/messages/msg_x', '/email/send-email'],
  POST: ['/v1/messages', '/v1/messages/msg_x/events'],
  DELETE: ['/v1/messages/msg_x', '/v1/messages'],
};
const NOWHERE = [null, '/v1/messages/msg_x'] as const;

const tokens = '{},'.repeat(doorLimits.bodyBytesMax / 50 / 3);
const chunked = (text: string): string =>
  `Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n`;
/**
 * What stands behind the other headers; `bytes`: of the body, `null` when the body does not end.
 */
const bodies: readonly { readonly name: string; readonly text: string; readonly bytes: number | null }[] = [
  { name: 'no body', text: '\r\n', bytes: 0 },
  { name: 'an empty body', text: 'Content-Length: 0\r\n\r\n', bytes: 0 },
  { name: 'one byte', text: 'Content-Length: 1\r\n\r\n{', bytes: 1 },
  {
    name: 'malformed JSON',
    text: 'Content-Type: application/json\r\nContent-Length: 6\r\n\r\n{"a":}',
    bytes: 6,
  },
  { name: 'a huge body', text: `Content-Length: ${tokens.length}\r\n\r\n${tokens}`, bytes: tokens.length },
  { name: 'a body that never ends', text: chunked('[{},{},'), bytes: null },
  {
    name: 'a length that never comes',
    text: `Content-Length: ${doorLimits.bodyBytesMax}\r\n\r\n[{},{},`,
    bytes: null,
  },
  { name: 'chunks', text: `${chunked('[{},{}]')}0\r\n\r\n`, bytes: 7 },
];

const malformedKey = `${makeKey('live', Buffer.alloc(KEY_RANDOM_BYTES, 1)).text}x-`;
const unknownKey = makeKey('live', Buffer.alloc(KEY_RANDOM_BYTES, 2)).text;
const keys: readonly { readonly name: string; readonly header: () => string; readonly isGood?: true }[] = [
  { name: 'no key', header: () => '' },
  { name: 'a malformed key', header: () => `Authorization: Bearer ${malformedKey}\r\n` },
  { name: 'an unknown key', header: () => `Authorization: Bearer ${unknownKey}\r\n` },
  { name: 'a good key', header: () => `Authorization: Bearer ${gateway.key}\r\n`, isGood: true },
];

type Place = 'known' | 'unknown' | 'wrong';
interface Case {
  readonly method: string;
  readonly place: Place;
  readonly path: string;
}
const cases: readonly Case[] = METHODS.filter((method) => method !== 'CONNECT').flatMap((method) => {
  const [known, wrong] = paths[method] ?? NOWHERE;
  return [
    ...(known === null ? [] : [{ method, place: 'known' as const, path: known }]),
    { method, place: 'unknown' as const, path: UNKNOWN_PATH },
    { method, place: 'wrong' as const, path: wrong },
  ];
});

function expectedOf({ method, place }: Case): number {
  if (place === 'unknown') return 404;
  if (method === 'OPTIONS') return 204;
  return place === 'wrong' ? 405 : 401;
}

/** What is wrong with one answer, in words. */
function faultsOf(one: Case, answer: RawAnswer | null, isGood: boolean): string[] {
  if (answer === null) return ['no answer'];
  const { status, headers, body } = answer;
  const faults: string[] = [];
  const expected = expectedOf(one);
  const isJudgedByIngest = isGood && one.place === 'known';
  if (isJudgedByIngest ? status >= 500 || status === 401 : status !== expected)
    faults.push(`${status}, not ${expected}`);
  if ((status === 405 || status === 204) && headers.allow === undefined) faults.push('no Allow');
  if (status === 401 && headers['www-authenticate'] !== 'Bearer') faults.push('no WWW-Authenticate');
  if (!/^req_/.test(headers['x-request-id'] ?? '')) faults.push('no X-Request-Id');
  if (!isJudgedByIngest && headers['x-ratelimit-limit'] !== '0')
    faults.push(`limit ${headers['x-ratelimit-limit']}`);
  if (headers['x-ratelimit-remaining'] === undefined || headers['x-ratelimit-reset'] === undefined)
    faults.push('no figures');
  if (status >= 400 && body !== '' && JSON.parse(body).request_id !== headers['x-request-id'])
    faults.push('another request_id');
  return faults;
}

/** One request, and the next one on its connection where the first one ends. */
async function exchange(
  one: Case,
  key: string,
  body: (typeof bodies)[number],
  isGood: boolean,
): Promise<string[]> {
  using connection = await RawConnection.open(gateway.port);
  await connection.write(`${one.method} ${one.path} HTTP/1.1\r\nHost: x\r\n${key}${body.text}`);
  // a body that does not end keeps whoever may send one waiting: it is read
  if (isGood && body.bytes === null && one.place === 'known' && one.method === 'POST') return [];
  const answer = await connection.answer({ toHead: one.method === 'HEAD' });
  const faults = faultsOf(one, answer, isGood);
  if (body.bytes === null) return faults;
  await connection.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  const next = await connection.answer();
  if (next !== null && next.status !== 200)
    faults.push(`the next answer on the connection is ${next.status}`);
  if (next === null && answer?.headers.connection !== 'close') faults.push('closed without a word');
  return faults;
}

describe.each(keys)('with $name', ({ header, isGood = false }) => {
  test.each(bodies)('and $name, whatever the method and the path', async (body) => {
    const before = { ...gateway.bodies };
    const faults: Record<string, readonly string[]> = {};
    for (const one of cases) {
      const found = await exchange(one, header(), body, isGood);
      if (found.length > 0) faults[`${one.method} ${one.path}`] = found;
    }
    expect(faults).toEqual({});
    expect(gateway.logged.filter((entry) => JSON.stringify(entry).includes('failed'))).toEqual([]);
    if (isGood) return;
    expect({ buffered: gateway.bodies.buffered, parsed: gateway.bodies.parsed }).toEqual({
      buffered: before.buffered,
      parsed: before.parsed,
    });
    // all that came was read, and thrown away
    const discarded = gateway.bodies.discarded - before.discarded;
    if (body.bytes !== null) expect(discarded).toBe(cases.length * body.bytes);
  });
});

describe('methods that Node gives another way', () => {
  test.each([
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    ['CONNECT with a path', 'CONNECT /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    ['an unknown method', 'FROBNICATE /v1/messages HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  ])('%s is answered, and the connection closed', async (_, text, status) => {
    using connection = await RawConnection.open(gateway.port);
    await connection.write(text);
    const answer = await connection.answer();
    expect([answer?.status, answer?.headers.connection, answer?.headers['x-ratelimit-limit']]).toEqual([
      status,
      'close',
      '0',
    ]);
    await connection.closed();
  });

  test.each([
    ['GET', '/healthz', '', 200],
    ['POST', UNKNOWN_PATH, 'Content-Length: 2\r\n', 404],
  ])(
    'an Upgrade that is not on offer is a request like any other: %s %s',
    async (method, path, more, status) => {
      using connection = await RawConnection.open(gateway.port);
      await connection.write(
        `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n${more}\r\n${more === '' ? '' : '{}'}`,
      );
      expect((await connection.answer())?.status).toBe(status);
      await connection.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
      expect((await connection.answer())?.status).toBe(200);
    },
  );
});

test.each([
  ['no route', `POST /x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json`, 404],
  ['no key', `POST /v1/messages HTTP/1.1\r\nHost: x`, 401],
  ['an unknown key', `POST /v1/messages HTTP/1.1\r\nHost: x\r\nX-Api-Token: ${unknownKey}`, 401],
])(
  '50 MiB of tokens with %s are neither buffered nor parsed, and do not stay in memory',
  async (_, head, status) => {
    const before = { ...gateway.bodies };
    const body = Buffer.alloc(doorLimits.bodyBytesMax, '{},');
    const memory = process.memoryUsage().rss;
    using connection = await RawConnection.open(gateway.port);
    await connection.write(`${head}\r\nContent-Length: ${body.length}\r\n\r\n`);
    for (let at = 0; at < body.length; at += 65_536) await connection.write(body.subarray(at, at + 65_536));
    expect((await connection.answer())?.status).toBe(status);
    await connection.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await connection.answer())?.status).toBe(200);
    expect(process.memoryUsage().rss - memory).toBeLessThan(body.length * 2);
    expect(gateway.bodies).toEqual({ ...before, discarded: before.discarded + body.length });
  },
);

test('a key that was admitted lately is not asked for again, and one that ingest refuses is asked for each time', async () => {
  const asked: string[] = [];
  await using other = await testGateway({
    client: (own) => ({
      ...own,
      admit: (request, requestId) => {
        asked.push(request.uncounted ? 'uncounted' : 'counted');
        return own.admit(request, requestId);
      },
    }),
  });
  const body = JSON.stringify({
    recipient: 'a@example.com',
    template: 'otp-code',
    template_data: { code: '847291', expires_in: '5 minutes' },
  });
  const send = async (key: string) =>
    (await other.send('/v1/messages', { body, headers: { authorization: `Bearer ${key}` } })).status;
  expect(await Promise.all([send(other.key), send(other.key), send(other.key)])).toEqual([202, 202, 202]);
  expect([await send(other.key), asked]).toEqual([202, ['uncounted']]);
  expect([await send(unknownKey), await send(unknownKey)]).toEqual([401, 401]);
  expect(asked).toEqual(['uncounted', 'uncounted', 'uncounted']);
});
