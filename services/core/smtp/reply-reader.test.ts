import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { smtpOutLimits } from '../limits/smtp-out.ts';
import { type HeardReply, ReplyReader } from './reply-reader.ts';

/** As it comes from the wire: one character for each byte. */
const bytes = (text: string): string => Buffer.from(text).toString('latin1');
const read = (...chunks: readonly string[]): readonly HeardReply[] => {
  const reader = new ReplyReader();
  return chunks.flatMap((chunk) => reader.push(chunk));
};

test.each<[string, readonly HeardReply[]]>([
  ['250 ok\r\n', [{ code: 250, raw: '250 ok' }]],
  ['250\r\n', [{ code: 250, raw: '250' }]],
  ['250 ok\n', [{ code: 250, raw: '250 ok' }]],
  [
    '250 ok\r\n\r\n354 go\r\n',
    [
      { code: 250, raw: '250 ok' },
      { code: 354, raw: '354 go' },
    ],
  ],
  ['250-one\r\n250-two\r\n250 three\r\n', [{ code: 250, raw: '250-one\n250-two\n250 three' }]],
  ['250-one\r\n250\r\n', [{ code: 250, raw: '250-one\n250' }]],
  // a line that a server has broken up
  [
    '550-you are\r\n blocked\r\n550 for ever\r\n',
    [{ code: 550, raw: '550-you are\n blocked\n550 for ever' }],
  ],
  ['550-you are\r\n\r\n550 blocked\r\n', [{ code: 550, raw: '550-you are\n\n550 blocked' }]],
  // lines of one reply that differ: in their class they contradict each other
  ['550-no\r\n554 no\r\n', [{ code: 550, raw: '550-no\n554 no' }]],
  ['250-yes\r\n550 no\r\n', [{ code: null, raw: '250-yes\n550 no' }]],
  ['250-yes\r\n550-no\r\n250 yes\r\n', [{ code: null, raw: '250-yes\n550-no\n250 yes' }]],
  // no replies
  [
    'hello\r\n250 ok\r\n',
    [
      { code: null, raw: 'hello' },
      { code: 250, raw: '250 ok' },
    ],
  ],
  ['150 ok\r\n', [{ code: null, raw: '150 ok' }]],
  ['650 ok\r\n', [{ code: null, raw: '650 ok' }]],
  ['2500 ok\r\n', [{ code: null, raw: '2500 ok' }]],
  ['25\r\n', [{ code: null, raw: '25' }]],
  ['.\r\n', [{ code: null, raw: '.' }]],
  [' 250 ok\r\n', [{ code: null, raw: ' 250 ok' }]],
  // not whole
  ['250 ok', []],
  ['250-ok\r\n', []],
  [
    bytes('550 Postfach unbekannt: für Jürgen\r\n'),
    [{ code: 550, raw: '550 Postfach unbekannt: für Jürgen' }],
  ],
  ['550 f\xfcr\r\n', [{ code: 550, raw: '550 für' }]],
])('%j', (text, expected) => {
  expect(read(text)).toEqual(expected);
  expect(read(...text), 'split at every byte').toEqual(expected);
});

test('however replies are split and joined, they are the same', () => {
  const line = fc.constantFrom(
    '250 ok',
    '250-more',
    '550 5.1.1 no',
    '421-bye',
    'nonsense',
    '',
    '.',
    '354 go',
    bytes('250 grüß'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(80), { maxLength: 6 }), (lines, cuts) => {
      const text = lines.map((given) => `${given}\r\n`).join('');
      const at = [0, ...cuts.map((cut) => Math.min(cut, text.length)).toSorted((a, b) => a - b), text.length];
      const chunks = at.slice(1).map((end, i) => text.slice(at[i], end));
      expect(read(...chunks)).toEqual(read(text));
    }),
  );
});

describe('a long reply', () => {
  const long = 'x'.repeat(1_000_000);

  it.each([
    ['one line', `250 ${long}\r\n`],
    ['many lines', `${`250-${'x'.repeat(60)}\r\n`.repeat(15_000)}250 end\r\n`],
    ['very many short lines', `${'250-\r\n'.repeat(150_000)}250 end\r\n`],
    ['lines without a code', `250-${'x\r\n'.repeat(300_000)}250 end\r\n`],
  ])('is taken, and cut: %s', (_, text) => {
    const [first, second, ...more] = read(`${text}354 go\r\n`);
    expect(first?.code).toBe(250);
    expect(first?.raw.length).toBeLessThanOrEqual(smtpOutLimits.transcriptBytesMax);
    expect(second).toEqual({ code: 354, raw: '354 go' });
    expect(more).toEqual([]);
  });

  it('that contradicts itself far behind has no code', () => {
    expect(read(`250-${long}\r\n550 no\r\n`)).toMatchObject([{ code: null }]);
  });

  it.each([
    ['one line', 'x'.repeat(1_000)],
    ['many lines', `250-${'x'.repeat(60)}\r\n`],
  ])('has an end, or is too long: %s', (_, piece) => {
    const reader = new ReplyReader();
    reader.push('250-');
    for (let length = 4; length + piece.length <= smtpOutLimits.smtpReplyBytesMax; length += piece.length) {
      expect(reader.push(piece)).toEqual([]);
    }
    expect(reader.isTooLong).toBe(false);
    reader.push(piece);
    expect(reader.isTooLong).toBe(true);
    expect(reader.push('\r\n250 end\r\n')).toEqual([]);
  });
});

test.each<[string, number | null]>([
  ['550 5.1.1 nob', 550],
  ['421 clos', 421],
  ['550-no\r\n550 nob', 550],
  ['550-no\r\n', 550],
  ['550-no\r\n55', 550],
  ['250 2.0.0 tak', null],
  ['55', null],
  ['550', null],
  ['250-yes\r\n550 no', null],
  ['550-no\r\n250-yes\r\n', null],
  ['250 ok\r\n', null],
  ['550 no\r\n', null],
  ['', null],
])('%j at the end of the connection', (text, code) => {
  const reader = new ReplyReader();
  reader.push(text);
  expect(reader.end()?.code ?? null).toBe(code);
});
