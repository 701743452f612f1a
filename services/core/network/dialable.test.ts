import { describe, expect, it } from 'vitest';
import { isDialable, parseCidr } from './dialable.ts';

const cidrs = (...texts: string[]) => texts.map((text) => parseCidr(text)).filter((cidr) => cidr !== null);

describe('addresses that may be connected to', () => {
  it.each([
    ['8.8.8.8', true, 'public'],
    ['2001:4860:4860::8888', true, 'public'],
    ['127.0.0.1', false, 'loopback'],
    ['::1', false, 'loopback'],
    ['0.0.0.0', false, 'this host'],
    ['10.1.2.3', false, 'private'],
    ['172.16.0.1', false, 'private'],
    ['172.32.0.1', true, 'just outside of private'],
    ['192.168.1.1', false, 'private'],
    ['169.254.169.254', false, 'metadata service'],
    ['100.64.0.1', false, 'carrier NAT'],
    ['192.0.2.1', false, 'documentation'],
    ['224.0.0.1', false, 'multicast'],
    ['255.255.255.255', false, 'broadcast'],
    ['fe80::1', false, 'link-local'],
    ['fe80::1%eth0', false, 'with a zone'],
    ['fd00::1', false, 'unique local'],
    ['ff02::1', false, 'multicast'],
    ['2001:db8::1', false, 'documentation'],
    ['::ffff:127.0.0.1', false, 'IPv4-mapped'],
    ['::ffff:8.8.8.8', true, 'IPv4-mapped'],
    ['::127.0.0.1', false, 'IPv4-compatible'],
    ['64:ff9b::7f00:1', false, 'NAT64'],
    ['2002:7f00:1::', false, '6to4'],
    ['0x7f.1', false, 'no address'],
    ['127.1', false, 'no address'],
    ['2130706433', false, 'no address'],
    ['relay.example', false, 'no address'],
    ['', false, 'no address'],
  ])('%s: %s (%s)', (address, expected) => {
    expect(isDialable(address, [])).toBe(expected);
  });

  it.each([
    ['127.0.0.1', '127.0.0.0/8', true],
    ['10.0.0.1', '127.0.0.0/8', false],
    ['::1', '127.0.0.0/8', false],
    ['::1', '::1', true],
    ['::ffff:10.1.1.1', '10.0.0.0/8', true],
    ['fd12::5', 'fd00::/8', true],
    ['10.0.0.7', '10.0.0.7', true],
    ['10.0.0.8', '10.0.0.7', false],
  ])('%s with %s allowed: %s', (address, allowed, expected) => {
    expect(isDialable(address, cidrs(allowed))).toBe(expected);
  });

  it.each(['10.0.0.0/33', '10.0.0/8', '10/8', 'fd00::/129', 'localhost', '', '10.0.0.0/', '/8'])(
    '%j is not a range',
    (text) => {
      expect(parseCidr(text)).toBeNull();
    },
  );
});
