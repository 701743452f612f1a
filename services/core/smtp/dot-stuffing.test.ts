import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DotStuffer } from './dot-stuffing.ts';

function wire(...chunks: readonly string[]): string {
  const stuffer = new DotStuffer();
  const written = chunks.map((chunk) =>
    Buffer.from(stuffer.push(Buffer.from(chunk, 'latin1'))).toString('latin1'),
  );
  return written.join('') + stuffer.end();
}

test.each([
  ['', '.\r\n'],
  ['a', 'a\r\n.\r\n'],
  ['a\r\n', 'a\r\n.\r\n'],
  ['a\r\n\r\n', 'a\r\n\r\n.\r\n'],
  ['.', '..\r\n.\r\n'],
  ['.\r\n', '..\r\n.\r\n'],
  ['..\r\n', '...\r\n.\r\n'],
  ['a.\r\n.b\r\n', 'a.\r\n..b\r\n.\r\n'],
  // bare ones
  ['a\nb', 'a\r\nb\r\n.\r\n'],
  ['a\rb', 'a\r\nb\r\n.\r\n'],
  ['a\n', 'a\r\n.\r\n'],
  ['a\r', 'a\r\n.\r\n'],
  ['\r\r\n\n', '\r\n\r\n\r\n.\r\n'],
  ['a\n.\n', 'a\r\n..\r\n.\r\n'],
  ['a\r.\r', 'a\r\n..\r\n.\r\n'],
  ['a\n.\r\nMAIL', 'a\r\n..\r\nMAIL\r\n.\r\n'],
])('%j goes out as %j, however it is cut', (body, expected) => {
  expect(wire(body)).toBe(expected);
  expect(wire(...body)).toBe(expected);
});

test('a chunk that needs no change is passed on as it is', () => {
  const chunk = Buffer.from('line\r\nline\r\n');
  expect(new DotStuffer().push(chunk)).toBe(chunk);
});

test('a server reads the same lines, and nothing but the last line is a dot', () => {
  const piece = fc.constantFrom('a', '.', '\r', '\n', '\r\n', '\r\n.', '..');
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 4 }), { maxLength: 6 }), (chunks) => {
      const body = chunks.map((pieces) => pieces.join(''));
      const lines = wire(...body).split('\r\n');
      expect(lines.pop()).toBe('');
      expect(lines.pop()).toBe('.');
      expect(lines.filter((line) => line === '.' || /[\r\n]/.test(line))).toEqual([]);
      const read = lines.map((line) => (line.startsWith('.') ? line.slice(1) : line));
      const meant = body.join('').split(/\r\n|\r|\n/);
      if (meant.at(-1) === '') meant.pop();
      expect(read).toEqual(meant);
    }),
  );
});
