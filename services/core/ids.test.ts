import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blobId, ID_RANDOM_BYTES, messageId, parseBlobId, parseMessageId, sortableId } from './ids.ts';

const zeros = new Uint8Array(ID_RANDOM_BYTES);
const ones = new Uint8Array(ID_RANDOM_BYTES).fill(255);
const LAST_MS = 2 ** 48 - 1;

describe('an id', () => {
  it.each([
    [0, zeros, '0'.repeat(26)],
    [0, ones, '0'.repeat(10) + 'z'.repeat(16)],
    [31, zeros, `${'0'.repeat(9)}z${'0'.repeat(16)}`],
    [32, zeros, `${'0'.repeat(8)}10${'0'.repeat(16)}`],
    [LAST_MS, ones, `7${'z'.repeat(25)}`],
    [0, Uint8Array.of(0, 0, 0, 0, 1, 0x84, 0x21, 0x08, 0x42, 0x10), `${'0'.repeat(10)}00000001${'gggggggg'}`],
  ])('of %i is written in base 32', (ms, random, id) => {
    expect(sortableId(ms, random)).toBe(id);
  });

  it('sorts by time', () => {
    const time = fc.integer({ min: 0, max: LAST_MS });
    fc.assert(
      fc.property(time, time, fc.uint8Array({ minLength: 10, maxLength: 10 }), (a, b, random) => {
        const [first, second] = [sortableId(a, random), sortableId(b, random)];
        expect(Math.sign(a - b)).toBe(first < second ? -1 : first > second ? 1 : 0);
      }),
    );
  });

  it('tells all 80 random bits apart', () => {
    const bits = Array.from({ length: 80 }, (_, i) =>
      Uint8Array.from(zeros, (_, byte) => (byte === i >> 3 ? 1 << (i & 7) : 0)),
    );
    expect(new Set(bits.map((random) => sortableId(0, random))).size).toBe(80);
  });

  it('takes ten random bytes, and no fewer', () => {
    expect(() => sortableId(0, new Uint8Array(9))).toThrow('10 random bytes');
  });

  it('is read back as what it is', () => {
    const [message, blob] = [messageId(1_750_000_000_000, ones), blobId(1_750_000_000_000, ones)];
    expect(parseMessageId(message)).toBe(message);
    expect(parseBlobId(blob)).toBe(blob);
    expect(parseMessageId(blob)).toBeNull();
    expect(() => parseBlobId(message)).toThrow('malformed');
  });
});

it.each([
  '',
  'msg_',
  `msg_${'0'.repeat(25)}`,
  `msg_${'0'.repeat(27)}`,
  `msg_${'0'.repeat(25)}i`,
  `msg_${'0'.repeat(25)}A`,
  `MSG_${'0'.repeat(26)}`,
  `msg_${'0'.repeat(26)}\n`,
])('%j is no message id', (text) => {
  expect(parseMessageId(text)).toBeNull();
});
