import { expect, test } from 'vitest';
import { type Offers, offersOf } from './offers.ts';

const nothing: Offers = {
  pipelining: false,
  smtpUtf8: false,
  eightBitMime: false,
  size: false,
  sizeMax: null,
};

test.each<[readonly string[], Partial<Offers>]>([
  [[], {}],
  [['HELP'], {}],
  [['PIPELINING', '8BITMIME', 'SMTPUTF8'], { pipelining: true, eightBitMime: true, smtpUtf8: true }],
  [['pipelining', ' SmtpUtf8 '], { pipelining: true, smtpUtf8: true }],
  [['X-PIPELINING', 'NO-SMTPUTF8', 'PIPELININGX'], {}],
  [['SIZE 1000'], { size: true, sizeMax: 1_000 }],
  [['size\t1000'], { size: true, sizeMax: 1_000 }],
  [['SIZE'], { size: true }],
  [['SIZE 0'], { size: true }],
  [['SIZE much'], { size: true }],
  [['SIZE -1'], { size: true }],
  [['SIZE 1000 2000'], { size: true }],
])('%j', (lines, expected) => {
  expect(offersOf(lines)).toEqual({ ...nothing, ...expected });
});
