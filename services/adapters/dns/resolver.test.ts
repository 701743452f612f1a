import { expect, it } from 'vitest';
import { resolverContract } from '../../../test/contract/resolver.ts';
import { startDnsServer } from '../../../test/support/dns-server.ts';
import { freePort } from '../../../test/support/free-port.ts';
import { createResolver, readDnsServer } from './resolver.ts';

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

it('asks the next server when one is not there, or cannot answer', async () => {
  await using broken = await startDnsServer({ 'shop.example': { fault: 'SERVFAIL' } });
  await using good = await startDnsServer({ 'shop.example': { txt: ['here'] } });
  const servers = [await freePort(), broken.port, good.port].map((port) => ({ host: '127.0.0.1', port }));
  await using resolver = createResolver({ servers, tryMs: 500 });
  expect((await resolver.txt('shop.example')).records).toEqual(['here']);
});

it.each([
  ['192.0.2.1', { host: '192.0.2.1', port: 53 }],
  ['192.0.2.1:5353', { host: '192.0.2.1', port: 5353 }],
  ['2001:db8::1', { host: '2001:db8::1', port: 53 }],
  ['[2001:db8::1]:5353', { host: '2001:db8::1', port: 5353 }],
  ['kube-dns.kube-system:53', { host: 'kube-dns.kube-system', port: 53 }],
  ['192.0.2.1:70000', null],
  ['a b', null],
])('reads the server %s', (text, server) => {
  expect(readDnsServer(text)).toEqual(server);
});
