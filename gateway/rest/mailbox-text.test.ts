import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRefusal, parseMailbox } from '../../services/core/address.ts';
import { splitMailbox } from './mailbox-text.ts';

describe('a mailbox in one string', () => {
  test.each([
    ['ana@example.com', { email: 'ana@example.com', name: '' }],
    [' ana@example.com ', { email: 'ana@example.com', name: '' }],
    ['<ana@example.com>', { email: 'ana@example.com', name: '' }],
    ['Ana Maria <ana@example.com>', { email: 'ana@example.com', name: 'Ana Maria' }],
    ['"Maria, Ana" <ana@example.com>', { email: 'ana@example.com', name: 'Maria, Ana' }],
    ['"A \\"nickname\\"" <ana@example.com>', { email: 'ana@example.com', name: 'A "nickname"' }],
    ['"<" <ana@example.com>', { email: 'ana@example.com', name: '<' }],
    ['"a b"@example.com', { email: '"a b"@example.com', name: '' }],
  ])('%s', (text, address) => {
    expect(splitMailbox(text)).toEqual(address);
  });

  test.each([
    'a@example.com, Ben <b@example.com>',
    '"open <a@example.com>',
    'a@example.com>',
    '"A" B <a@example.com>',
  ])('%s has no clear seam and is left to be refused', (text) => {
    expect(splitMailbox(text)).toEqual({ email: text, name: '' });
    expect(isRefusal(parseMailbox(splitMailbox(text)) as never)).toBe(true);
  });

  // ingest reads a string itself where its own field is one (`recipient`): both ways must mean the
  // same
  const pieces = fc.constantFrom(
    '"',
    '\\',
    '<',
    '>',
    '@',
    ' ',
    ',',
    'a',
    'Ana',
    'example.com',
    'ü',
    '.',
    '\n',
    '\t',
    '(',
  );
  test('splitting and then reading is reading', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const whole = parseMailbox(text);
        const split = parseMailbox(splitMailbox(text));
        if (isRefusal(whole)) expect(isRefusal(split)).toBe(true);
        else expect(split).toEqual(whole);
      }),
      { numRuns: 3000 },
    );
  });
});
