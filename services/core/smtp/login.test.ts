import { expect, test } from 'vitest';
import type { RouteCredentials } from '../catalog/catalog.ts';
import { parseReply } from '../delivery/reply.ts';
import { fault, replied } from './answers.ts';
import {
  betterRefusal,
  isMechanismRefused,
  type Mechanism,
  mechanismsFor,
  noMechanism,
  xoauth2Response,
} from './login.ts';

const password: RouteCredentials = { username: 'ana', password: 'p' };
const token: RouteCredentials = { username: 'ana', accessToken: 't', tenant: 'shop', sender: 'billing' };

test.each<[string, RouteCredentials, readonly string[], Mechanism | null, readonly Mechanism[]]>([
  [
    "our order, not the server's",
    password,
    ['CRAM-MD5', 'LOGIN', 'PLAIN'],
    null,
    ['PLAIN', 'LOGIN', 'CRAM-MD5'],
  ],
  ['what was accepted before comes first', password, ['PLAIN', 'LOGIN'], 'LOGIN', ['LOGIN', 'PLAIN']],
  ['unless it is no longer offered', password, ['PLAIN'], 'LOGIN', ['PLAIN']],
  ['a password is for no token mechanism', password, ['XOAUTH2', 'OAUTHBEARER', 'NTLM'], null, []],
  ['a token is for no password mechanism', token, ['PLAIN', 'LOGIN'], null, []],
  ['a token', token, ['PLAIN', 'XOAUTH2'], null, ['XOAUTH2']],
  ['nothing offered', password, [], null, []],
])('mechanisms: %s', (_, credentials, offered, first, expected) => {
  expect(mechanismsFor(credentials, offered, first)).toEqual(expected);
});

test('the sentence names at most ten mechanisms', () => {
  const many = Array.from({ length: 500 }, (_, i) => `X-${i}`);
  expect(noMechanism(token, many)).toBe(
    'the server offers AUTH X-0, X-1, X-2, X-3, X-4, X-5, X-6, X-7, X-8, X-9 only, and an access token needs XOAUTH2',
  );
});

test('of all codes, 502, 504 and 535 to AUTH refuse the mechanism', () => {
  const codes: number[] = [];
  for (let code = 400; code < 600; code++)
    if (isMechanismRefused(replied('refused', 'auth', parseReply(`${code} no`)))) codes.push(code);
  expect(codes).toEqual([502, 504, 535]);
  expect(isMechanismRefused(replied('refused', 'mail', parseReply('535 no')))).toBe(false);
  expect(isMechanismRefused(fault('auth', 'auth', 'no'))).toBe(false);
});

test('a second connection that never reached AUTH does not hide the first refusal', () => {
  const first = replied('refused', 'auth', parseReply('504 no'));
  expect(betterRefusal(first, fault('dial', 'connect', 'refused'))).toBe(first);
  expect(betterRefusal(first, replied('refused', 'greeting', parseReply('421 busy')))).toBe(first);
});

test('the response of XOAUTH2 is the example of its specification', () => {
  expect(xoauth2Response('someuser@example.com', 'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg')).toBe(
    'dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==',
  );
});
