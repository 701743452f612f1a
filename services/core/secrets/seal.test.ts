import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Keys } from './keyring.ts';
import { open, seal, sealedWith } from './seal.ts';

const april = { id: 'april', secret: new Uint8Array(32).fill(4) };
const may = { id: 'may', secret: new Uint8Array(48).fill(5) };
const keys: Keys = [may, april];
const place = { document: 'sender/shop/billing', field: 'routes/relay/credentials' };
const text = 'Zwölf Boxkämpfer 🔑';
const nonce = new Uint8Array(12).fill(7);

it('opens what it sealed, under each key of a rotation', () => {
  expect(open(keys, place, seal(keys, place, text, nonce))).toBe(text);
  expect(open(keys, place, seal([april], place, text, nonce))).toBe(text);
  expect(open(keys, place, seal(keys, place, '', nonce))).toBe('');
});

it('names the active key and reveals nothing else', () => {
  const sealed = seal(keys, place, text, nonce);
  expect(sealedWith(sealed)).toBe('may');
  expect(Buffer.from(sealed.slice(4), 'base64').includes('Boxk')).toBe(false);
});

it.each([
  [
    'moved to another document',
    () => open(keys, { ...place, document: 'sender/other/billing' }, seal(keys, place, text, nonce)),
    'moved from another',
  ],
  [
    'moved to another field',
    () => open(keys, { ...place, field: 'routes/mx/credentials' }, seal(keys, place, text, nonce)),
    'moved from another',
  ],
  [
    'sealed with a key that is gone',
    () => open([may], place, seal([april], place, text, nonce)),
    'lacks the key',
  ],
  [
    'named after another key',
    () => open(keys, place, seal([april], place, text, nonce).replace('april', 'may')),
    'moved from another',
  ],
  ['truncated', () => open(keys, place, seal(keys, place, text, nonce).slice(0, 24)), 'truncated'],
  ['no sealed value at all', () => open(keys, place, 'open sesame'), 'lacks the key'],
])('does not open a value that was %s', (_, act, message) => {
  expect(act).toThrow(message);
  expect(act).toThrow(expect.objectContaining({ kind: 'internal' }));
});

it('detects each changed bit', () => {
  const [id, body = ''] = seal(keys, place, 'ab', nonce).split(':');
  const bytes = Buffer.from(body, 'base64');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => open(keys, place, `${id}:${changed.toString('base64')}`)).toThrow();
  }
});

it('refuses a nonce of another length', () => {
  expect(() => seal(keys, place, text, randomBytes(8))).toThrow('12 bytes');
});
