import { once } from 'node:events';
import { mkdtempDisposable, readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { doorLimits } from '../../services/core/limits/door.ts';
import { newKey } from '../../test/support/installation.ts';
import { type TestGateway, testGateway } from '../gateway.fixture.ts';

let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;
let gateway: TestGateway;
beforeAll(async () => {
  folder = await mkdtempDisposable(join(tmpdir(), 'packetboat-raw-'));
  gateway = await testGateway({ folder: folder.path });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const message = JSON.stringify({
  recipient: 'user@example.com',
  template: 'otp-code',
  template_data: { code: '847291', expires_in: '5 minutes' },
});

interface RawConnection extends Disposable {
  readonly socket: Socket;
  /** All that came so far. */
  received(): string;
  /** Waits until it came. */
  until(pattern: RegExp): Promise<string>;
  /** Waits until the other side has closed; answers all that came. */
  closed(): Promise<string>;
}

async function raw(port = gateway.port): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {}); // whoever waits for the end sees what came before it
  await once(socket, 'connect');
  return {
    socket,
    received: () => text,
    until: (pattern) =>
      vi.waitUntil(() => (pattern.test(text) ? text : null), { timeout: 10_000, interval: 5 }),
    closed: async () => {
      await ended;
      return text;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

const head = (length: number | string, more = ''): string =>
  `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.key}\r\nContent-Length: ${length}\r\n${more}\r\n`;
const statusesIn = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

describe('a request', () => {
  test('in single bytes is read like any other', async () => {
    using connection = await raw();
    for (const byte of head(message.length) + message) connection.socket.write(byte);
    expect(statusesIn(await connection.until(/message_id/))).toEqual([202]);
  });

  test('pipelined on one connection gets its response in order', async () => {
    using connection = await raw();
    connection.socket.write(`${head(message.length)}${message}${head(2)}{}${head(message.length)}${message}`);
    expect(statusesIn(await connection.until(/(message_id[\s\S]*){2}/))).toEqual([202, 422, 202]);
  });

  test('gets a response up to the pipelining limit, then the connection closes', async () => {
    using connection = await raw();
    connection.socket.write(
      'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(10 * doorLimits.httpPipelinedMax),
    );
    const answers = await connection.closed();
    expect(statusesIn(answers)).toEqual(Array.from({ length: doorLimits.httpPipelinedMax }, () => 404));
    expect([...answers.matchAll(/^connection: close/gim)]).toHaveLength(1);
  });

  test('gets its response before a CONNECT that follows', async () => {
    using connection = await raw();
    connection.socket.write(`${head(message.length)}${message}CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(statusesIn(await connection.closed())).toEqual([202, 404]);
  });

  test('with a longer body than declared gets its response, and the excess is rejected', async () => {
    using connection = await raw();
    connection.socket.write(`${head(message.length)}${message} and more\r\n\r\n`);
    expect(statusesIn(await connection.closed())[0]).toBe(202);
  });

  test.each([
    ['in memory', 1_000, 'half'],
    ['on disk', 1_000_000, 'x'.repeat(200_000)],
  ])('that breaks off %s leaves nothing, and nothing is sent', async (_, length, part) => {
    const before = gateway.results.length;
    using connection = await raw();
    connection.socket.write(head(length) + part);
    await vi.waitUntil(
      () => connection.socket.bytesWritten > part.length && connection.socket.writableLength === 0,
    );
    connection.socket.destroy();
    await connection.closed();
    // a file may be about to lose its name
    await vi.waitFor(async () => expect(await readdir(folder.path)).toEqual([]));
    expect(gateway.results.length).toBe(before);
    expect((await gateway.send('/healthz')).status).toBe(200);
  });

  test('with a wrong key is rejected before the rest of its body arrives', async () => {
    using connection = await raw();
    connection.socket.write(
      head(10_000_000).replace(gateway.key, newKey()) + 'x'.repeat(doorLimits.bodyInMemoryBytes + 1),
    );
    expect(statusesIn(await connection.until(/request_id/))).toEqual([401]);
  });

  test('that declares too large a body is rejected at once', async () => {
    using connection = await raw();
    connection.socket.write(head(doorLimits.bodyBytesMax + 1));
    expect(statusesIn(await connection.until(/request_id/))).toEqual([413]);
  });

  test.each([
    [
      'asks for the connection to close',
      (text: string) => text.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    ],
    ['is HTTP/1.0', (text: string) => text.replace('HTTP/1.1', 'HTTP/1.0')],
  ])(
    'that %s, and is refused while its body comes, is not reset before the answer is read',
    async (_, change) => {
      using connection = await raw();
      const resets: unknown[] = [];
      connection.socket.on('error', (error) => resets.push(error));
      const body = Buffer.alloc(10_000_000, 'x');
      connection.socket.write(change(head(body.length).replace(gateway.key, newKey())));
      connection.socket.write(body.subarray(0, doorLimits.bodyInMemoryBytes + 1));
      await connection.until(/request_id/);
      connection.socket.write(body.subarray(doorLimits.bodyInMemoryBytes + 1));
      expect(statusesIn(await connection.closed())).toEqual([401]);
      expect(resets).toEqual([]);
      expect(connection.socket.bytesWritten).toBeGreaterThan(body.length);
    },
  );
});

describe('input that is not a request', () => {
  test('invalid chunks get an error, with and without a key', async () => {
    using connection = await raw();
    connection.socket.write(`${head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked')}zz\r\n`);
    expect(statusesIn(await connection.closed())).toEqual([400]);
  });

  test.each([
    ['noise', 'hello\r\n\r\n', 400],
    [
      'headers that are too long',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(doorLimits.httpHeaderBytesMax)}\r\n\r\n`,
      431,
    ],
    ['two lengths', 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n', 400],
    [
      'chunks that are none, behind an answer,',
      'POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      404,
    ],
    ['noise behind a request', 'GET /docs HTTP/1.1\r\nHost: x\r\n\r\nhello\r\n\r\n', 200],
  ])('%s in front of megabytes is answered, and the connection is not reset', async (_, text, status) => {
    using connection = await raw();
    const resets: unknown[] = [];
    connection.socket.on('error', (error) => resets.push(error));
    connection.socket.write(text);
    connection.socket.write(Buffer.alloc(10_000_000, 'x'));
    expect(statusesIn(await connection.closed())).toEqual([status]);
    expect(resets).toEqual([]);
    expect(connection.socket.bytesWritten).toBe(text.length + 10_000_000);
  });

  test.each([
    ['noise', 'hello\r\n\r\n', 400],
    ['a length that is none', 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n', 400],
    [
      'two lengths',
      'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
      400,
    ],
    [
      'length and chunks',
      'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
      400,
    ],
    [
      'headers that are too long',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(doorLimits.httpHeaderBytesMax)}\r\n\r\n`,
      431,
    ],
  ])('%s is refused in words, and the connection closed', async (_, text, status) => {
    using connection = await raw();
    connection.socket.write(text);
    const answer = await connection.closed();
    expect(statusesIn(answer)).toEqual([status]);
    expect(answer).toMatch(/X-Request-Id: req_/);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({
      error: { code: 'invalid_request' },
    });
  });
});

describe('connections', () => {
  test('of one address are limited', async () => {
    await using other = await testGateway({ connectionsPerAddressMax: 2 });
    using first = await raw(other.port);
    using second = await raw(other.port);
    using third = await raw(other.port);
    third.socket.write(`${head(message.length)}${message}`);
    const refused = await third.closed();
    expect([statusesIn(refused), other.refused]).toEqual([[503], ['503']]);
    expect(refused).toMatch(/connection: close/i);
    expect(refused).toMatch(/X-Request-Id: req_[\s\S]*Too many connections/i);
    expect(JSON.stringify(other.logged)).toMatch(/PACKETBOAT_CONNECTIONS_PER_ADDRESS/);
    expect(JSON.stringify(other.logged)).not.toContain('127.0.0.1');
    first.socket.destroy();
    await first.closed();
    await vi.waitUntil(async () => {
      using again = await raw(other.port);
      again.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      return (await again.closed()).includes('200 OK');
    });
    expect(second.socket.destroyed).toBe(false);
  });
});

describe('at a shutdown', () => {
  test('requests in flight get their responses, idle connections close, and none is reset', async () => {
    const held = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const other = await testGateway({
      client: (own) => ({
        ...own,
        sendMessages: async (request) => {
          asked.resolve();
          await held.promise;
          return own.sendMessages(request);
        },
      }),
    });
    using busy = await raw(other.port);
    using idle = await raw(other.port);
    idle.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.until(/"ok"/);
    const resets: unknown[] = [];
    for (const { socket } of [busy, idle]) socket.on('error', (error) => resets.push(error));
    busy.socket.write(head(message.length).replace(gateway.key, other.key) + message);
    await asked.promise;

    const closing = other[Symbol.asyncDispose]();
    await idle.closed();
    held.resolve();
    const answer = await busy.closed();
    await closing;
    expect(statusesIn(answer)).toEqual([202]);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(resets).toEqual([]);
  });

  test('the server waits for a body that is still arriving', async () => {
    const other = await testGateway();
    using slow = await raw(other.port);
    slow.socket.write(head(message.length).replace(gateway.key, other.key) + message.slice(0, 10));
    using idle = await raw(other.port);
    idle.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.until(/"ok"/); // by now the slow one has been seen as well
    const closing = other[Symbol.asyncDispose]();
    await idle.closed();
    slow.socket.write(message.slice(10));
    expect(statusesIn(await slow.closed())).toEqual([202]);
    await closing;
  });
});
