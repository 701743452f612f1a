import { expect, test } from 'vitest';
import { SevenBitEncoder, SevenBitSurvey } from './seven-bit.ts';

const chunksOf = (text: string, size: number): Buffer[] => {
  const bytes = Buffer.from(text);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
};

test.each([
  ['', true],
  ['Subject: a\r\n\r\nb', true],
  ['a\tb\n', true],
  ['a'.repeat(998), true],
  [`${'a'.repeat(998)}\r\n${'b'.repeat(998)}\n`, true],
  ['a'.repeat(999), false],
  [`${'a'.repeat(999)}\r\n`, false],
  ['Größe', false],
  ['a\0', false],
  ['a\x7f', false],
])('%# can be sent as 7bit: %s', (text, expected) => {
  for (const size of [1, 7, 10_000]) {
    const survey = new SevenBitSurvey();
    for (const chunk of chunksOf(text, size)) survey.push(chunk);
    expect(survey.isSevenBit).toBe(expected);
  }
});

test.each([
  ['', ''],
  ['a', 'a'],
  ['a\nb\r\nc\rd\r\re\n\nf\r\n', 'a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\nf\r\n'],
  ['.\n.=_ \n', '.\r\n.=_ \r\n'],
])('%j is written as %j', (text, expected) => {
  for (const size of [1, 2, 100]) {
    const encoder = new SevenBitEncoder();
    const out = [...chunksOf(text, size).map((chunk) => encoder.push(chunk)), encoder.end()];
    expect(Buffer.concat(out).toString()).toBe(expected);
  }
});
