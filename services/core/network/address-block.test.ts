import { expect, test } from 'vitest';
import { addressBlock } from './address-block.ts';

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '192.0.2.7'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['2001:DB8:0:1:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
  ['2001:db8:0:2::1', '2001:db8:0:2::/64'],
  ['::1', '::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['', null],
  ['unknown', null],
  ['127.1', null],
  ['2130706433', null],
  ['192.0.2.7:80', null],
  ['[2001:db8::1]', null],
  ['user@example.com', null],
])('%j counts as %j', (text, block) => {
  expect(addressBlock(text)).toBe(block);
});
