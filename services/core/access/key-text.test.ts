import { describe, expect, test } from 'vitest';
import { KEY_RANDOM_BYTES, makeKey } from './api-key.ts';
import { readKeyText } from './key-text.ts';

const random = Uint8Array.from({ length: KEY_RANDOM_BYTES }, (_, i) => i * 6);
const { text, key } = makeKey('live', random);
const testing = makeKey('testing', random).text;
/** The last character of the checksum is another hexadecimal digit. */
const mistyped = (made: string): string => `${made.slice(0, -1)}${made.endsWith('0') ? '1' : '0'}`;

describe('the form of a key', () => {
  test.each([
    ['made for live', text, 'made'],
    ['made for testing', testing, 'made'],
    ['of the user’s own making, shortest', `sk_live_${'a'.repeat(24)}`, 'bootstrap'],
    ['of the user’s own making, longest', `sk_live_${'Z_9a'.repeat(50)}`, 'bootstrap'],
    ['as long as a made one, with a capital letter', `sk_live_${'A'.repeat(58)}`, 'bootstrap'],
    ['as long as a made one, without a hexadecimal end', `sk_live_${'x'.repeat(58)}`, 'bootstrap'],
    ['one longer than a made one', `${text}0`, 'bootstrap'],
    ['one longer than a made one, for testing', `${testing}0`, null],
    ['made for live, with another checksum', mistyped(text), null],
    ['made for testing, with another checksum', mistyped(testing), null],
    [
      'with a letter of its secret mistyped',
      text.replace(/.(?=.{20}$)/, (c) => (c === 'a' ? 'b' : 'a')),
      null,
    ],
    ['nothing', '', null],
    ['a prefix', 'sk_live_', null],
    ['too short by one', `sk_live_${'a'.repeat(23)}`, null],
    ['too long by one', `sk_live_${'a'.repeat(201)}`, null],
    ['with a hyphen', `sk_live_${'a'.repeat(24)}-`, null],
    ['with a line break', `${text}\n`, null],
    ['with a space before it', ` ${text}`, null],
    ['in capital letters', text.toUpperCase(), null],
    ['of another product', `pk_${text.slice(3)}`, null],
    ['of a user’s own making, for testing', `sk_test_${'a'.repeat(24)}`, null],
    ['a JSON Web Token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl', null],
  ])('%s', (_, given, kind) => {
    expect(readKeyText(given)?.kind ?? null).toBe(kind);
  });

  test('a made key says its id', () => {
    expect(readKeyText(text)).toEqual({ kind: 'made', id: key.id });
  });
});
