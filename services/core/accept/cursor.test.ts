import { describe, expect, it } from 'vitest';
import { messageId } from '../ids.ts';
import { readCursor, writeCursor } from './cursor.ts';

const key = { id: 'k1', secret: new Uint8Array(32).fill(1) };
const other = { id: 'k2', secret: new Uint8Array(32).fill(2) };
const position = {
  createdAt: 1_750_000_000_123,
  id: messageId(1_750_000_000_123, new Uint8Array(10).fill(5)),
};
const cursor = writeCursor(key, position, 'default?status=queued');

describe('a cursor', () => {
  it.each([
    ['under its key', [key]],
    ['under a key that is not the active one any more', [other, key]],
  ])('is read back %s', (_, keys) => {
    expect(readCursor(keys, cursor, 'default?status=queued')).toEqual(position);
  });

  it('keeps the least and the largest time', () => {
    for (const createdAt of [0, 2 ** 48 - 1]) {
      const own = { ...position, createdAt };
      expect(readCursor([key], writeCursor(key, own, ''), '')).toEqual(own);
    }
  });

  const inside = Buffer.from(cursor, 'base64url').toString();
  const wrapped = (text: string): string => Buffer.from(text).toString('base64url');
  it.each([
    ['with other filters', [key], cursor, 'default?status=bounced'],
    ['of another tenant', [key], cursor, 'other?status=queued'],
    ['under another key', [other], cursor, 'default?status=queued'],
    ['without keys', [], cursor, 'default?status=queued'],
    ['with another time', [key], wrapped(inside.replace(/^./, 'z')), 'default?status=queued'],
    ['with a part more', [key], wrapped(`${inside}.x`), 'default?status=queued'],
    ['with its end cut off', [key], cursor.slice(0, -4), 'default?status=queued'],
    ['that is empty', [key], '', ''],
    ['that is not base64', [key], '$gt', ''],
    ['that is too long', [key], 'a'.repeat(201), ''],
  ])('%s is not ours', (_, keys, text, filters) => {
    expect(readCursor(keys, text, filters)).toBeNull();
  });
});
