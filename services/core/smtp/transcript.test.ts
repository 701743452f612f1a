import { expect, test } from 'vitest';
import { Transcript } from './transcript.ts';

test('each line says who said it', () => {
  const transcript = new Transcript(1_000);
  transcript.server('220 hello');
  transcript.client('MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n');
  transcript.server('250-one\n250 two');
  transcript.client('DATA');
  const lines = [
    'S: 220 hello',
    'C: MAIL FROM:<>',
    'C: RCPT TO:<a@b.example>',
    'C: DATA',
    'S: 250-one',
    'S: 250 two',
    'C: DATA',
  ];
  expect(transcript.toString()).toBe(lines.join('\n'));
  transcript.clear();
  expect(transcript.toString()).toBe('');
});

test.each([
  ['x', 'S: xxxxxxx'],
  ['ü', 'S: üüü'], // the tenth byte would be half a character
])('is cut to its bytes, between characters: %s', (character, expected) => {
  const transcript = new Transcript(10);
  transcript.server(character.repeat(100));
  transcript.server('more');
  expect(transcript.toString()).toBe(expected);
});
