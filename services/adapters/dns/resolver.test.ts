import { expect, it } from 'vitest';
import { resolverContract } from '../../../test/contract/resolver.ts';
import { startDnsServer } from '../../../test/support/dns-server.ts';
import { freePort } from '../../../test/support/free-port.ts';
import { createResolver } from './resolver.ts';

resolverContract('dns', async () => {
  const server = await startDnsServer();
  return {
    resolver: createResolver({ servers: [{ host: '127.0.0.1', port: server.port }], tryMs: 200 }),
    zone: server.zone,
    validates: (isAuthenticated) => {
      server.isAuthenticated = isAuthenticated;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

it('asks the next server when a server is down or fails', async () => {
  await using broken = await startDnsServer({ 'shop.example': { fault: 'SERVFAIL' } });
  await using good = await startDnsServer({ 'shop.example': { txt: ['here'] } });
  const servers = [await freePort(), broken.port, good.port].map((port) => ({ host: '127.0.0.1', port }));
  await using resolver = createResolver({ servers, tryMs: 500 });
  expect((await resolver.txt('shop.example')).records).toEqual(['here']);
});
