// Five hundred clients that are slow in every phase of a connection: none of them keeps its place,
// and the others are served.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { RawConnection } from './front/raw-connection.fixture.ts';
import { goodMessage, type TestGateway, testGateway } from './gateway.fixture.ts';

const CLIENTS = 500;
const IN_FLIGHT_MAX = 400;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway({
    httpLimits: {
      httpHeadersMs: 2_000,
      httpRequestMs: 4_000,
      httpIdleMs: 1_000,
      httpTimeoutsCheckedEveryMs: 100,
      httpRequestsInFlightMax: IN_FLIGHT_MAX,
    },
  });
});
afterAll(() => gateway[Symbol.asyncDispose]());

const body = JSON.stringify(goodMessage);
const head = (): string =>
  `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.key}\r\nContent-Length: ${body.length}\r\n\r\n`;

/** Each writes the same and waits: the statuses that clients get before their connections close. */
async function statusesOf(bytes: string): Promise<Readonly<Record<string, number>>> {
  const statuses = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      using connection = await RawConnection.open(gateway.port);
      await connection.write(bytes);
      const answer = await connection.answer();
      // a refused client may send the rest of its body, and then the connection closes
      if (answer?.status !== 503) await connection.closed();
      return String(answer?.status ?? 'closed');
    }),
  );
  return Object.fromEntries([...Map.groupBy(statuses, String)].map(([status, all]) => [status, all.length]));
}

const serves = async (): Promise<number> => (await gateway.send('/v1/messages', { body })).status;

test('clients that never finish their bodies get 408, and 503 above the maximum in flight', async () => {
  expect(await statusesOf(head() + body.slice(0, -1))).toEqual({
    408: IN_FLIGHT_MAX,
    503: CLIENTS - IN_FLIGHT_MAX,
  });
  expect(await serves()).toBe(202);
});

test('clients that never finish their headers get 408, and take no place of others', async () => {
  const slow = statusesOf(head().slice(0, -2));
  expect(await serves()).toBe(202);
  expect(await slow).toEqual({ 408: CLIENTS });
});

test('clients that send nothing lose their connections', async () => {
  const idle = statusesOf('');
  expect(await serves()).toBe(202);
  const ends = await idle;
  expect(Object.values(ends)).toEqual([CLIENTS]);
});

test('a client that is idle after a response loses its connection', async () => {
  using connection = await RawConnection.open(gateway.port);
  await connection.write(head() + body);
  expect((await connection.answer())?.status).toBe(202);
  await connection.closed();
});
