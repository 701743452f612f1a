import { expect, it } from 'vitest';
import { address } from '../../../test/contract/sample-message.ts';
import { suppressionHashes } from './suppression.ts';

const first = { id: 'k1', secret: new Uint8Array(32).fill(1) };
const second = { id: 'k2', secret: new Uint8Array(32).fill(2) };
const hash = (tenant: string, email: string): string | undefined =>
  suppressionHashes([first], tenant, address(email))[0];

it('an address has one hash per key, in their order, that names its key and hides the address', () => {
  const hashes = suppressionHashes([first, second], 'default', address('ana@example.com'));
  expect(hashes).toEqual([
    expect.stringMatching(/^k1:[0-9a-f]{64}$/),
    expect.stringMatching(/^k2:[0-9a-f]{64}$/),
  ]);
  expect(hashes[0]?.slice(3)).not.toBe(hashes[1]?.slice(3));
});

it.each(['ANA@example.com', 'ana@EXAMPLE.com', '"ana"@example.com'])('%s is the same address', (email) => {
  expect(hash('default', email)).toBe(hash('default', 'ana@example.com'));
});

it.each(['ju\u0308rgen@bücher.example', 'JÜRGEN@xn--bcher-kva.example'])(
  '%s is jürgen@bücher.example',
  (email) => {
    expect(hash('default', email)).toBe(hash('default', 'jürgen@bücher.example'));
  },
);

it.each(['ana+x@example.com', 'a.na@example.com', 'ana@example.org'])('%s is another address', (email) => {
  expect(hash('default', email)).not.toBe(hash('default', 'ana@example.com'));
});

it('equal addresses of two tenants cannot be seen to be equal', () => {
  expect(hash('a', 'ana@example.com')).not.toBe(hash('b', 'ana@example.com'));
});
