import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../services/runtime/read-config.ts';
import { clientAddress, clientAddressFrom, isTrustedProxy } from './client-address.ts';

const proxiesOf = (PACKETBOAT_TRUSTED_PROXIES: string) =>
  readConfig('gateway', { PACKETBOAT_TRUSTED_PROXIES }).trustedProxies ?? [];
const proxies = proxiesOf('10.0.0.0/8, 192.168.1.1, fd00::/8, ::1');

/** Peer, the `Forwarded` headers, the `X-Forwarded-For` headers, what comes of it. */
type Case = readonly [
  title: string,
  peer: string,
  forwarded: readonly string[],
  xForwardedFor: readonly string[],
  address: string,
];

const cases: readonly Case[] = [
  ['no proxy', '203.0.113.9', [], [], '203.0.113.9'],
  ['no proxy, over IPv6', '2001:db8:0:0::9', [], [], '2001:db8::9'],
  ['IPv4 on a socket that also hears IPv6', '::ffff:203.0.113.9', [], [], '203.0.113.9'],
  ['a stranger who names somebody', '203.0.113.9', ['for=198.51.100.1'], ['198.51.100.1'], '203.0.113.9'],
  ['a stranger who names a proxy', '203.0.113.9', [], ['10.0.0.1'], '203.0.113.9'],
  ['a connection that is gone', '', ['for=198.51.100.1'], ['198.51.100.1'], ''],
  ['a socket file', '/run/gateway.sock', [], ['198.51.100.1'], ''],

  ['a proxy without a header', '10.0.0.1', [], [], '10.0.0.1'],
  ['a proxy with an empty header', '10.0.0.1', [], [''], '10.0.0.1'],
  ['one proxy', '10.0.0.1', [], ['198.51.100.1'], '198.51.100.1'],
  ['one proxy, on a socket that also hears IPv6', '::ffff:10.0.0.1', [], ['198.51.100.1'], '198.51.100.1'],
  ['one proxy over IPv6', 'fd00::1', [], ['2001:db8::7'], '2001:db8::7'],
  ['a range of one address', '192.168.1.1', [], ['198.51.100.1'], '198.51.100.1'],
  ['a neighbour of it', '192.168.1.2', [], ['198.51.100.1'], '192.168.1.2'],
  ['two proxies', '10.0.0.1', [], ['198.51.100.1, 10.0.0.2'], '198.51.100.1'],
  [
    'spoofed left parts',
    '10.0.0.1',
    [],
    ['1.1.1.1, 10.9.9.9, 2.2.2.2, 198.51.100.1, 10.0.0.2'],
    '198.51.100.1',
  ],
  [
    'several headers are one list',
    '10.0.0.1',
    [],
    ['1.1.1.1', '198.51.100.1', '10.0.0.2, 10.0.0.3'],
    '198.51.100.1',
  ],
  ['proxies only: the farthest', '10.0.0.1', [], ['10.0.0.3, 10.0.0.2'], '10.0.0.3'],
  ['blanks and tabs', '10.0.0.1', [], [' 198.51.100.1\t,  10.0.0.2 '], '198.51.100.1'],
  ['a port', '10.0.0.1', [], ['198.51.100.1:4711'], '198.51.100.1'],
  ['IPv6 in brackets', '10.0.0.1', [], ['[2001:db8::7]'], '2001:db8::7'],
  ['IPv6 in brackets with a port', '10.0.0.1', [], ['[2001:DB8::7]:4711'], '2001:db8::7'],
  ['IPv4 written as IPv6', '10.0.0.1', [], ['::ffff:198.51.100.1'], '198.51.100.1'],
  ['a proxy that writes itself as IPv6', '10.0.0.1', [], ['198.51.100.1, ::ffff:10.0.0.2'], '198.51.100.1'],
  ['garbage where the client should be', '10.0.0.1', [], ['198.51.100.1, <script>, 10.0.0.2'], '10.0.0.2'],
  ['garbage left of the client', '10.0.0.1', [], ['%00%00, ,,;"\', 198.51.100.1'], '198.51.100.1'],
  ['half an address', '10.0.0.1', [], ['127.1'], '10.0.0.1'],
  ['an address as a number', '10.0.0.1', [], ['2130706433'], '10.0.0.1'],
  ['an octal octet', '10.0.0.1', [], ['010.0.0.1'], '10.0.0.1'],
  ['a port that is none', '10.0.0.1', [], ['198.51.100.1:x'], '10.0.0.1'],
  ['IPv4 in brackets', '10.0.0.1', [], ['[198.51.100.1]'], '10.0.0.1'],
  ['an empty element at the end', '10.0.0.1', [], ['198.51.100.1,'], '10.0.0.1'],
  ['unknown', '10.0.0.1', [], ['unknown'], '10.0.0.1'],

  ['Forwarded', '10.0.0.1', ['for=198.51.100.1'], [], '198.51.100.1'],
  [
    'Forwarded with more to say',
    '10.0.0.1',
    ['proto=https;FOR=198.51.100.1;by=10.0.0.1;host="a,b;c"'],
    [],
    '198.51.100.1',
  ],
  [
    'Forwarded over two proxies',
    '10.0.0.1',
    ['for=1.1.1.1, For=198.51.100.1;proto=http , for=10.0.0.2'],
    [],
    '198.51.100.1',
  ],
  [
    'several Forwarded headers',
    '10.0.0.1',
    ['for=1.1.1.1', 'for=198.51.100.1', 'for=10.0.0.2'],
    [],
    '198.51.100.1',
  ],
  ['Forwarded, quoted', '10.0.0.1', ['for="198.51.100.1:4711"'], [], '198.51.100.1'],
  ['Forwarded over IPv6', '10.0.0.1', ['for="[2001:db8::7]"'], [], '2001:db8::7'],
  ['Forwarded over IPv6 with a port', '10.0.0.1', ['for="[2001:db8::7]:4711"'], [], '2001:db8::7'],
  ['Forwarded with an obfuscated port', '10.0.0.1', ['for="198.51.100.1:_x"'], [], '198.51.100.1'],
  ['Forwarded, with an escape', '10.0.0.1', ['for="\\198.51.100.1"'], [], '198.51.100.1'],
  ['Forwarded by a name', '10.0.0.1', ['for=198.51.100.1, for=_hidden, for=10.0.0.2'], [], '10.0.0.2'],
  ['Forwarded: unknown', '10.0.0.1', ['for=198.51.100.1, for=unknown'], [], '10.0.0.1'],
  ['Forwarded without for', '10.0.0.1', ['for=198.51.100.1, proto=https'], [], '10.0.0.1'],
  ['Forwarded that is no such header', '10.0.0.1', ['198.51.100.1'], [], '10.0.0.1'],
  ['Forwarded, empty', '10.0.0.1', [''], [], '10.0.0.1'],
  [
    'an open quote that swallows what the proxy added',
    '10.0.0.1',
    ['for=1.1.1.1, for=", for=198.51.100.1'],
    [],
    '10.0.0.1',
  ],
  [
    'an open quote that ends where the proxy begins one',
    '10.0.0.1',
    ['for=1.1.1.1;x=", for="[2001:db8::7]"'],
    [],
    '10.0.0.1',
  ],
  ['two names in one element', '10.0.0.1', ['for=198.51.100.1;for=1.1.1.1'], [], '10.0.0.1'],
  ['an open quote in a header of its own', '10.0.0.1', ['for="', 'for=198.51.100.1'], [], '198.51.100.1'],

  ['both headers, of one mind', '10.0.0.1', ['for=198.51.100.1'], ['198.51.100.1'], '198.51.100.1'],
  [
    'both headers, of one mind about the client only',
    '10.0.0.1',
    ['for=1.1.1.1, for=198.51.100.1'],
    ['198.51.100.1, 10.0.0.2'],
    '198.51.100.1',
  ],
  ['both headers, of two minds', '10.0.0.1', ['for=1.1.1.1'], ['198.51.100.1'], '10.0.0.1'],
  ['both headers, one of them garbage', '10.0.0.1', ['for=1.1.1.1'], ['?'], '10.0.0.1'],
];

describe('the address of a client', () => {
  test.each(cases)('%s', (_, peer, forwarded, xForwardedFor, address) => {
    expect(clientAddress({ peer, forwarded, xForwardedFor }, proxies)).toBe(address);
  });

  test('is the peer where no proxy is trusted', () => {
    expect(clientAddress({ peer: '10.0.0.1', forwarded: [], xForwardedFor: ['198.51.100.1'] }, [])).toBe(
      '10.0.0.1',
    );
  });

  test('is read from a request as Node has it', () => {
    const request = {
      socket: { remoteAddress: '10.0.0.1' },
      headersDistinct: { 'x-forwarded-for': ['1.1.1.1', '198.51.100.1'] },
    } as unknown as IncomingMessage;
    expect(clientAddressFrom(proxies)(request)).toBe('198.51.100.1');
    expect(clientAddressFrom()(request)).toBe('10.0.0.1');
  });

  test('is found in a header of the maximum size', () => {
    for (const part of ['for=";",', 'for="\\', 'for=a;', '"', ',', 'for="a"for=']) {
      const forwarded = [part.repeat(16_384 / part.length)];
      expect(clientAddress({ peer: '10.0.0.1', forwarded, xForwardedFor: [] }, proxies)).toBe('10.0.0.1');
    }
  });
});

test.each([
  ['10.1.2.3', true],
  ['::ffff:10.1.2.3', true],
  ['fd00::9', true],
  ['::1', true],
  ['11.0.0.1', false],
  ['2001:db8::1', false],
  ['', false],
  ['unknown', false],
])('%j is a trusted proxy: %s', (address, isTrusted) => {
  expect(isTrustedProxy(address, proxies)).toBe(isTrusted);
});
