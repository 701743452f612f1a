import { expect, it } from 'vitest';
import { readDnsServer } from './dns-server.ts';

it.each([
  ['192.0.2.1', { host: '192.0.2.1', port: 53 }],
  ['192.0.2.1:5353', { host: '192.0.2.1', port: 5353 }],
  ['2001:db8::1', { host: '2001:db8::1', port: 53 }],
  ['[2001:db8::1]:5353', { host: '2001:db8::1', port: 5353 }],
  ['kube-dns.kube-system:53', { host: 'kube-dns.kube-system', port: 53 }],
  ['kube-dns', { host: 'kube-dns', port: 53 }],
  ['192.0.2.1:70000', null],
  ['a b', null],
])('parses the server %s', (text, server) => {
  expect(readDnsServer(text)).toEqual(server);
});
