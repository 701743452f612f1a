import { expect, it, vi } from 'vitest';
import { startNats } from '../../../test/support/backend.ts';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openNats } from './connection.ts';
import { NatsWorkQueue } from './work-queue.ts';

it.each(['', 'localhost:4222', 'http://nats.example', 'nats://', 'nats://nats.example:4222,'])(
  '%j is not the address of a server',
  (url) => {
    expect(() => openNats(url)).toThrow('not an address');
  },
);

describeWith(['nats-server'], 'a connection to NATS', () => {
  it('is replaced when it is lost, by a connection to any of the servers', async () => {
    await using server = await startNats();
    await using other = await startNats();
    await using nats = openNats(`${server.url},${other.url}`);
    const ports: (number | undefined)[] = [];
    using _listening = nats.onConnection((connection) => ports.push(connection.info?.port));
    await nats.check();
    const [first, second] = ports[0] === Number(new URL(server.url).port) ? [server, other] : [other, server];
    await first.kill();
    await vi.waitFor(() => nats.check(), 10_000);
    expect(ports.at(-1)).toBe(Number(new URL(second.url).port));
  });

  it('is checked after its first try to connect has ended', async () => {
    await using server = await startNats();
    await using nats = openNats(server.url);
    await using queue = new NatsWorkQueue(nats);
    await queue.check();
    await nats.check();
  });

  it('stays closed after it was disposed, even if it never connected', async () => {
    await using server = await startNats();
    await server.kill();
    const nats = openNats(server.url);
    await expect(nats.check()).rejects.toThrow('no connection');
    await nats[Symbol.asyncDispose]();
    await server.restart();
    await expect(nats.check()).rejects.toThrow('no connection');
  });
});

it('a private authority requires TLS', () => {
  const { cert } = makeAuthority();
  expect(() => openNats('nats://127.0.0.1:1', { ca: cert })).toThrow('tls://');
});

describeWith(['nats-server'], 'NATS with a certificate of a private authority', () => {
  it('is trusted by a connection that has the authority, and by no other', async () => {
    const authority = makeAuthority();
    await using server = await startNats(authority.issue({ names: ['localhost'] }));
    // the client accepts certificates for names only
    const url = server.url.replace('nats://127.0.0.1', 'tls://localhost');
    await using nats = openNats(url, { ca: authority.cert });
    await nats.check();
    for (const ca of [undefined, makeAuthority('Another authority').cert]) {
      await using wary = openNats(url, { ca });
      const reason = async (): Promise<string> =>
        wary.check().then(
          () => 'answered',
          ({ cause }) => String(cause),
        );
      await vi.waitFor(async () => expect(await reason()).toMatch(/certificate/i), 10_000);
    }
  });
});
