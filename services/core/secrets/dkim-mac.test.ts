import { expect, test } from 'vitest';
import { dkimMac, isDkimMac } from './dkim-mac.ts';
import type { Key } from './keyring.ts';

const april: Key = { id: 'april', secret: new Uint8Array(32).fill(4) };
const may: Key = { id: 'may', secret: new Uint8Array(32).fill(5) };
const owner = {
  ...{ namespace: 'shop', sender: 'billing', domain: 'shop.example' },
  ...{ selector: 'pb-r1', fingerprint: 'aa' },
};
const mac = dkimMac([april], owner);

test('a key is recognized with the keyring that marked it, also after a rotation', () => {
  expect(mac).toMatch(/^april:[0-9a-f]{64}$/);
  expect(isDkimMac([april], owner, mac)).toBe(true);
  expect(isDkimMac([may, april], owner, mac)).toBe(true);
  expect(isDkimMac([may], owner, mac)).toBe(false);
  expect(isDkimMac([{ ...may, id: 'april' }], owner, mac)).toBe(false);
});

test.each(['namespace', 'sender', 'domain', 'selector', 'fingerprint'] as const)(
  'a key is not recognized under another %s',
  (field) => {
    expect(isDkimMac([april], { ...owner, [field]: 'other' }, mac)).toBe(false);
  },
);

test.each(['', 'april', 'april:', 'april:00', `april:${'zz'.repeat(32)}`, `:${mac}`])(
  'the text %j is no MAC',
  (text) => {
    expect(isDkimMac([april], owner, text)).toBe(false);
  },
);
