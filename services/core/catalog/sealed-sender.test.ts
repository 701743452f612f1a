import { expect, test } from 'vitest';
import { compiledSender } from '../../../test/contract/sample-catalog.ts';
import type { Keys } from '../secrets/keyring.ts';
import { NONCE_BYTES, seal } from '../secrets/seal.ts';
import { isStoredAs, openSender, sealSender } from './sealed-sender.ts';

const keys: Keys = [{ id: 'k1', secret: new Uint8Array(32).fill(1) }];
const nonce = (): Uint8Array => new Uint8Array(NONCE_BYTES).fill(2);
const sealed = (sample: Parameters<typeof compiledSender>[0]) =>
  sealSender(compiledSender(sample), keys, nonce);

test.each([{ password: 'open sesame' }, { accessToken: 'ya29.token' }, {}])(
  'a sender opens as it was sealed, and shows no secret: %j',
  (login) => {
    const stored = sealed(login);
    expect(openSender(stored, keys)).toEqual(compiledSender(login));
    expect(openSender(stored, null).routes[0]?.credentials).toBeNull();
    for (const secret of Object.values(login)) expect(JSON.stringify(stored)).not.toContain(secret);
  },
);

test('another token, and a token in place of a password, are stored anew under the same hash', () => {
  const stored = sealed({ accessToken: 'one' });
  expect(isStoredAs(stored, compiledSender({ accessToken: 'one' }), keys)).toBe(true);
  expect(isStoredAs(stored, compiledSender({ accessToken: 'two' }), keys)).toBe(false);
  expect(isStoredAs(stored, compiledSender({ password: 'one' }), keys)).toBe(false);
  expect(compiledSender({ accessToken: 'two' }).hash).toBe(compiledSender({ accessToken: 'one' }).hash);
});

test('a login that was sealed before there were tokens is a password', () => {
  const { config } = sealed({ password: 'p' });
  const place = { document: 'sender/shop/billing', field: 'routes/relay/credentials' };
  const value = seal(keys, place, '{"username":"billing","password":"old"}', nonce());
  const opened = openSender({ config, sealed: [{ field: place.field, value }] }, keys);
  expect(opened.routes[0]?.credentials).toEqual({ username: 'billing', password: 'old' });
});
