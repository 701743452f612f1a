import { once } from 'node:events';
import { METHODS } from 'node:http';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Health } from './health.ts';
import { type OperationsOptions, serveOperations } from './operations-server.ts';

const metrics = {
  exposition: async () => ({ text: 'a 1\n# EOF\n', contentType: 'application/openmetrics-text' }),
};

async function operations(more: Partial<OperationsOptions> = {}): Promise<number> {
  const health = new Health({
    dependencies: [],
    log: pino({ level: 'silent' }),
    metrics: { dependency: () => {} },
  });
  const server = await serveOperations({ host: '127.0.0.1', port: 0 }, { health, metrics, ...more });
  onTestFinished(() => server[Symbol.asyncDispose]());
  onTestFinished(() => health[Symbol.dispose]());
  return server.port;
}

/** All that comes until the server closes. */
async function toldUntilClosed(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let told = '';
  socket.on('data', (chunk: string) => {
    told += chunk;
  });
  socket.on('error', () => {});
  socket.write(text);
  await once(socket, 'close');
  return told;
}

const statusIn = (text: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);

describe('the operations server', () => {
  test('responds to every HTTP method that Node knows, never with a 5xx', async () => {
    const port = await operations();
    const expected = (method: string): number => (method === 'GET' || method === 'HEAD' ? 200 : 405);
    const seen: Record<string, number> = {};
    // a tunnel is no request, and its connection is closed
    const methods = METHODS.filter((method) => method !== 'CONNECT');
    for (const method of methods) {
      seen[method] = statusIn(
        await toldUntilClosed(port, `${method} /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
      );
    }
    expect(seen).toEqual(Object.fromEntries(methods.map((method) => [method, expected(method)])));
    expect(
      await toldUntilClosed(port, 'POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
    ).toMatch(/\r\nallow: GET, HEAD\r\n/i);
    expect(await toldUntilClosed(port, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
  });

  test.each(['/constructor', '/__proto__', '/healthz/x', '//healthz', '*', 'http://x/healthz'])(
    'has nothing at %s',
    async (path) => {
      expect(
        statusIn(
          await toldUntilClosed(
            await operations(),
            `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
          ),
        ),
      ).toBe(404);
    },
  );

  test.each([
    ['announced', 'Content-Length: 100000000\r\n\r\n{'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n'],
  ])('does not wait for a body, %s', async (_, body) => {
    expect(
      statusIn(await toldUntilClosed(await operations(), `GET /healthz HTTP/1.1\r\nHost: x\r\n${body}`)),
    ).toBe(200);
  });

  test.each([
    ['that says nothing', ''],
    ['that stops in its headers', 'GET /healthz HTTP/1.1\r\nHost'],
  ])('closes a connection %s', async (_, text) => {
    expect([408, Number.NaN]).toContain(
      statusIn(await toldUntilClosed(await operations({ requestMs: 50 }), text)),
    );
  });

  test('closes the connection if the metrics cannot be written, and serves the next connection', async () => {
    const port = await operations({
      metrics: { exposition: async () => Promise.reject(new Error('a metric broke')) },
    });
    expect(await toldUntilClosed(port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('');
    expect(
      statusIn(await toldUntilClosed(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')),
    ).toBe(200);
  });

  test('responds while the event loop of the program is blocked', async () => {
    const port = await operations();
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    expect((await ask('/metrics')).status).toBe(200);
    const statuses = new Int32Array(new SharedArrayBuffer(4 * 4));
    const script = `
      const { workerData: { port, statuses } } = require('node:worker_threads');
      const ask = async (path, i) => {
        statuses[i] = (await fetch('http://127.0.0.1:' + port + path)).status;
        if (Atomics.add(statuses, 3, 1) === 2) Atomics.notify(statuses, 3);
      };
      Promise.all(['/healthz', '/readyz', '/metrics'].map(ask));
    `;
    const poller = new Worker(script, { eval: true, workerData: { port, statuses } });
    await once(poller, 'online');
    // nothing of this thread runs until the three answers have come, or ten seconds have passed
    for (let answered = 0; answered < 3; answered = Atomics.load(statuses, 3)) {
      if (Atomics.wait(statuses, 3, answered, 10_000) === 'timed-out') break;
    }
    expect([...statuses]).toEqual([200, 200, 200, 3]);
    await poller.terminate();
  });
});
