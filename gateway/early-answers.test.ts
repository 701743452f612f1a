import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { doorLimits } from '../services/core/limits/door.ts';
import { describeWith } from '../test/support/describe-with.ts';
import { newKey } from '../test/support/installation.ts';
import { requireFile } from '../test/support/need.ts';
import { Discard, type DiscardOptions } from './front/discard.ts';
import { RawConnection } from './front/raw-connection.fixture.ts';
import { type TestGateway, testGateway } from './gateway.fixture.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const MEBIBYTE = Buffer.alloc(1024 * 1024, 'x');
const TOO_MUCH = 72;
const message = JSON.stringify({
  recipient: 'user@example.com',
  template: 'otp-code',
  template_data: { code: '847291', expires_in: '5 minutes' },
});

/** `Authorization` and all, up to the headers that a test adds. */
const headOf = (path: string, key: string | null, ...more: string[]): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: x',
    ...(key === null ? [] : [`Authorization: Bearer ${key}`]),
    ...more,
    '',
    '',
  ].join('\r\n');

describeWith(['python3'], 'a client of Python that sends first and reads then', () => {
  const script = join(import.meta.dirname, '../test/support/send-first.py');
  const send = async (key: string, mebibytes: number, ...paths: string[]): Promise<unknown> => {
    const { stdout } = await promisify(execFile)(requireFile('python3'), [
      script,
      String(gateway.port),
      key,
      String(mebibytes * MEBIBYTE.length),
      ...paths,
    ]);
    return JSON.parse(stdout);
  };

  test('is told 413 for 72 MiB, and 404 where there is nothing', async () => {
    expect(await send(gateway.key, TOO_MUCH, '/v1/messages', '/v1/nothing')).toEqual({
      '/v1/messages': { 'http.client': [413, 'too_large', 200], urllib: [413, 'too_large'] },
      '/v1/nothing': { 'http.client': [404, 'not_found', 200], urllib: [404, 'not_found'] },
    });
  });

  test.each([
    ['no key', ''],
    ['an unknown key', newKey()],
  ])('is told 401 with %s', async (_, key) => {
    expect(await send(key, TOO_MUCH, '/v1/messages')).toEqual({
      '/v1/messages': { 'http.client': [401, 'unauthenticated', 200], urllib: [401, 'unauthenticated'] },
    });
  });
});

describe('a body without an announced end that grows too large', () => {
  test('is answered 413, and what still comes is thrown away', async () => {
    using connection = await RawConnection.open(gateway.port);
    await connection.write(headOf('/v1/messages', gateway.key, 'Transfer-Encoding: chunked'));
    for (let sent = 0; sent < TOO_MUCH; sent++) {
      await connection.write(`${MEBIBYTE.length.toString(16)}\r\n`);
      await connection.write(MEBIBYTE);
      await connection.write('\r\n');
    }
    expect((await connection.answer())?.status).toBe(413);
    await connection.write('0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await connection.answer())?.status).toBe(200);
  });
});

describe('a client that waits for 100 Continue', () => {
  test.each([
    ['there is nothing at the path', '/v1/nothing', () => gateway.key, 2, 404],
    ['the path has another method', '/v1/messages/msg_x/events', () => gateway.key, 2, 405],
    ['there is no key', '/v1/messages', () => null, 2, 401],
    ['the key is malformed', '/v1/messages', () => 'sk_live_x', 2, 401],
    ['the key is unknown', '/v1/messages', newKey, 2, 401],
    ['the length is above the limit', '/v1/messages', () => gateway.key, doorLimits.bodyBytesMax + 1, 413],
    [
      'the length is above the limit, with an unknown key',
      '/v1/messages',
      newKey,
      doorLimits.bodyBytesMax + 1,
      401,
    ],
  ])('is not asked for its body when %s', async (_, path, key, length, status) => {
    using connection = await RawConnection.open(gateway.port);
    await connection.write(headOf(path, key(), `Content-Length: ${length}`, 'Expect: 100-continue'));
    const answer = await connection.answer();
    expect([answer?.status, answer?.headers.connection]).toEqual([status, 'close']);
  });

  test('is not asked for a body in an encoding that nobody reads', async () => {
    using connection = await RawConnection.open(gateway.port);
    await connection.write(
      headOf(
        '/v1/messages',
        gateway.key,
        'Content-Length: 2',
        'Content-Encoding: deflate',
        'Expect: 100-continue',
      ),
    );
    expect((await connection.answer())?.status).toBe(415);
  });

  test.each([message.length, doorLimits.bodyBytesMax])(
    'is asked for %s bytes, and its connection stays',
    async (length) => {
      using connection = await RawConnection.open(gateway.port);
      await connection.write(
        headOf('/v1/messages', gateway.key, `Content-Length: ${length}`, 'expect: 100-Continue'),
      );
      expect((await connection.answer())?.status).toBe(100);
      await connection.write(message);
      for (let left = length - message.length; left > 0; left -= MEBIBYTE.length) {
        await connection.write(Buffer.alloc(Math.min(left, MEBIBYTE.length), ' '));
      }
      const answer = await connection.answer();
      expect([answer?.status, answer?.headers.connection === 'close']).toEqual([202, false]);
      await connection.write(`${headOf('/v1/messages', gateway.key, 'Content-Length: 2')}{}`);
      expect((await connection.answer())?.status).toBe(422);
    },
  );

  test('of HTTP/1.0 is not told anything before its answer', async () => {
    using connection = await RawConnection.open(gateway.port);
    const head = headOf(
      '/v1/messages',
      gateway.key,
      `Content-Length: ${message.length}`,
      'Expect: 100-continue',
    );
    await connection.write(head.replace('HTTP/1.1', 'HTTP/1.0') + message);
    expect((await connection.answer())?.status).toBe(202);
  });
});

describe('what is read on behind an answer', () => {
  /** A server that answers at once and reads on, as `options` say. */
  async function answering(
    options: Partial<DiscardOptions> & { readonly close?: boolean },
  ): Promise<{ readonly port: number; readonly discard: Discard }> {
    const discard = new Discard({ discarded: () => {}, ...options });
    const server = createServer((request, response) => {
      response.prependOnceListener('finish', () => discard.rest(request));
      response
        .writeHead(200, { 'content-length': 2, ...(options.close === true ? { connection: 'close' } : {}) })
        .end('ok');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    onTestFinished(() => server.closeAllConnections());
    onTestFinished(() => new Promise<void>((closed) => void server.close(() => closed())));
    return { port: (server.address() as AddressInfo).port, discard };
  }
  const begun = async (port: number): Promise<RawConnection> => {
    const connection = await RawConnection.open(port);
    await connection.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx');
    expect((await connection.answer())?.status).toBe(200);
    return connection;
  };

  test('ends with the connection when no byte comes for a time', async () => {
    const { port, discard } = await answering({ silentMs: 50 });
    using connection = await begun(port);
    await connection.closed();
    await vi.waitUntil(() => discard.open === 0);
  });

  test('ends with the connection when it takes too long, though bytes come', async () => {
    const { port, discard } = await answering({ totalMs: 100 });
    using connection = await begun(port);
    const drip = setInterval(() => void connection.write('x'), 5);
    onTestFinished(() => clearInterval(drip));
    await connection.closed();
    await vi.waitUntil(() => discard.open === 0);
  });

  test('ends with the connection when the body comes in crumbs, and not when it comes in chunks', async () => {
    const { port, discard } = await answering({});
    const send = async (chunk: string): Promise<RawConnection> => {
      const connection = await RawConnection.open(port);
      await connection.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
      expect((await connection.answer())?.status).toBe(200);
      await connection.write(
        `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(2 * doorLimits.discardPiecesFree),
      );
      return connection;
    };
    using crumbs = await send('x');
    await crumbs.closed();
    using chunks = await send('x'.repeat(doorLimits.discardPieceBytes + 1));
    await chunks.write('0\r\n\r\n');
    await vi.waitUntil(() => discard.open === 0);
    expect(chunks.socket.destroyed).toBe(false);
  });

  test('is for so many connections only', async () => {
    const { port, discard } = await answering({ connectionsMax: 1 });
    using first = await begun(port);
    using second = await begun(port);
    await second.closed();
    expect([discard.open, first.socket.destroyed]).toEqual([1, false]);
    await first.write('x'.repeat(999));
    await vi.waitUntil(() => discard.open === 0);
    using third = await begun(port);
    expect([discard.open, third.socket.destroyed]).toEqual([1, false]);
  });

  test('keeps a connection that is to close open until the body has come', async () => {
    const { port, discard } = await answering({ close: true });
    using connection = await begun(port);
    expect(discard.open).toBe(1);
    await connection.write('x'.repeat(999));
    await connection.closed();
  });

  test('is no more than nothing once the client is gone', async () => {
    const { port, discard } = await answering({});
    const connection = await begun(port);
    expect(discard.open).toBe(1);
    connection.socket.destroy();
    await vi.waitUntil(() => discard.open === 0);
  });
});
