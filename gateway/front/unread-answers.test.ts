import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { RawConnection } from './raw-connection.fixture.ts';
import { limitUnread } from './unread-answers.ts';

/** More than the buffers of a connection hold. */
const LARGE = 16 * 1024 * 1024;

async function answering(
  ms: number,
): Promise<{ readonly port: number; readonly answered: Promise<[ServerResponse]> }> {
  const answered = Promise.withResolvers<[ServerResponse]>();
  const server = createServer((_, response) => {
    limitUnread(response, ms);
    response.writeHead(200, { 'content-length': LARGE }).end(Buffer.alloc(LARGE, 'x'));
    answered.resolve([response]);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, answered: answered.promise };
}

test('the connection of an unread response is closed after a time', async () => {
  const { port, answered } = await answering(50);
  using connection = await RawConnection.open(port);
  connection.socket.pause();
  await connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [response] = await answered;
  await once(response, 'close');
  expect([response.writableFinished, response.destroyed]).toEqual([false, true]);
});

test('a response that is read in small pieces arrives complete', async () => {
  const { port, answered } = await answering(60_000);
  const { body } = await fetch(`http://127.0.0.1:${port}/`);
  let bytes = 0;
  for await (const chunk of body ?? []) bytes += chunk.length;
  const [response] = await answered;
  expect([bytes, response.writableFinished]).toEqual([LARGE, true]);
});
