import { expect, test } from 'vitest';
import { type Offers, offersOf } from './offers.ts';

const nothing: Offers = {
  pipelining: false,
  smtpUtf8: false,
  eightBitMime: false,
  size: false,
  sizeMax: null,
  auth: [],
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
  [['AUTH PLAIN LOGIN'], { auth: ['PLAIN', 'LOGIN'] }],
  [['auth plain  cram-md5 '], { auth: ['PLAIN', 'CRAM-MD5'] }],
  [['AUTH'], {}],
  [['AUTH=LOGIN PLAIN'], { auth: ['LOGIN', 'PLAIN'] }],
  [['AUTH PLAIN', 'AUTH=PLAIN LOGIN', 'AUTH XOAUTH2'], { auth: ['PLAIN', 'LOGIN', 'XOAUTH2'] }],
  [['AUTHOR PLAIN', 'X-AUTH LOGIN'], {}],
  [['AUTH PLAIN <script> ana@a.example SCRAM-SHA-256-PLUS-AND-MORE'], { auth: ['PLAIN'] }],
])('%j', (lines, expected) => {
  expect(offersOf(lines)).toEqual({ ...nothing, ...expected });
});
