import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  isTraceparent,
  makeTraceparent,
  parseRequestId,
  requestIdOf,
  TRACEPARENT_RANDOM_BYTES,
} from './trace.ts';

const id = 'req_7f1c1f0e-6a3c-4a53-9a5e-0d6f4f6f3b0a';

describe('a request id', () => {
  test('is read as it was made', () => {
    const made = requestIdOf(randomUUID());
    expect(parseRequestId(made)).toBe(made);
  });

  test.each([
    ['of the right form', id, true],
    ['empty', '', false],
    ['without its prefix', id.slice(4), false],
    ['in upper case', `req_${id.slice(4).toUpperCase()}`, false],
    ['with a line break behind', `${id}\n`, false],
    ['with more behind', `${id}0`, false],
    ['one character short', id.slice(0, -1), false],
    ['that is an address', 'ana@example.com', false],
    ['that is an API key', `sk_live_${'a'.repeat(58)}`, false],
  ])('%s: %j is read: %j', (_, text, isRead) => {
    expect(parseRequestId(text)).toBe(isRead ? text : null);
  });
});

describe('a traceparent', () => {
  test('that is made is one, and holds all of its random bytes', () => {
    const random = Uint8Array.from({ length: TRACEPARENT_RANDOM_BYTES }, (_, i) => i + 1);
    const made = makeTraceparent(random);
    expect(made).toBe('00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01');
    expect(isTraceparent(made)).toBe(true);
  });

  test.each([
    ['as W3C gives it', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', true],
    ['with a trace id of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, false],
    ['with a parent id of zeros', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`, false],
    ['in upper case', '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01', false],
    ['with a line break behind', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n', false],
    ['empty', '', false],
  ])('%s: %j is one: %j', (_, text, isOne) => expect(isTraceparent(text)).toBe(isOne));
});
