import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { dkimName, dkimRecord, readDkimKey } from './key.ts';

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey;
const ed25519 = generateKeyPairSync('ed25519').privateKey;

test.each([
  ['PKCS#8', 'pkcs8'],
  ['PKCS#1', 'pkcs1'],
] as const)('parses an RSA key in %s, and names its fingerprint', (_, type) => {
  const key = rsa(2_048);
  const read = readDkimKey('a', String(key.export({ type, format: 'pem' })));
  expect(read).toMatchObject({
    selector: 'a',
    algorithm: 'rsa-sha256',
    fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(readDkimKey('a', String(key.export({ type: 'pkcs8', format: 'pem' })))).toEqual(read);
});

test('parses an Ed25519 key', () => {
  expect(readDkimKey('a', String(ed25519.export({ type: 'pkcs8', format: 'pem' })))).toMatchObject({
    algorithm: 'ed25519-sha256',
  });
});

test.each([
  ['no key', 'hunter2'],
  ['a short RSA key', String(rsa(1_024).export({ type: 'pkcs8', format: 'pem' }))],
  [
    'a key for something else',
    String(
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ),
  ],
  [
    'a key with a passphrase',
    String(rsa(2_048).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })),
  ],
])('describes the fault of %s without quoting the key', (_, pem) => {
  const refused = readDkimKey('a', pem);
  expect(refused).toEqual(expect.any(String));
  expect(refused).not.toContain(pem.slice(30, 60) || pem);
});

test('makes the DNS record of a key: the whole public key for RSA, its 32 bytes for Ed25519', () => {
  expect(dkimRecord(String(rsa(2_048).export({ type: 'pkcs8', format: 'pem' })))).toMatch(
    /^v=DKIM1; k=rsa; p=MIIBIjAN[A-Za-z0-9+/]+=*$/,
  );
  const record = dkimRecord(String(ed25519.export({ type: 'pkcs8', format: 'pem' })));
  expect(record).toMatch(/^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/);
  expect(dkimName('a', 'shop.example')).toBe('a._domainkey.shop.example');
});
