import { describe, expect, test } from 'vitest';
import { keysWithLineBreak, readCredentials } from './route-credentials.ts';

const owner = { tenant: 'shop', sender: 'billing' };
const read = (values: Readonly<Record<string, string>>) => readCredentials(values, owner);

test.each([
  ['as it is written', ' p ', ' p ', []],
  ['without the line break at its end', ' p \n', ' p ', ['password']],
  ['without the line break of Windows', 'p\r\n', 'p', ['password']],
  ['with all but one line break', 'p\n\n', 'p\n', ['password']],
  ['with a line break in the middle', 'p\nq', 'p\nq', []],
])('a password is a login of its own, %s', (_, password, expected, removed) => {
  expect(read({ username: 'ana', password, other: 'x\n' })).toEqual({ username: 'ana', password: expected });
  expect(keysWithLineBreak({ username: 'ana', password, other: 'x\n' })).toEqual(removed);
});

test('a user name ends before its line break', () => {
  expect(read({ username: 'ana\n', password: 'p' })).toEqual({ username: 'ana', password: 'p' });
  expect(keysWithLineBreak({ username: 'ana\n', accessToken: 't\n' })).toEqual(['username', 'accessToken']);
});

test('an access token belongs to its sender, and its final line break is not part of it', () => {
  expect(read({ username: 'ana', accessToken: 'ya29.a-b_c~d+e/f==\n' })).toEqual({
    username: 'ana',
    accessToken: 'ya29.a-b_c~d+e/f==',
    ...owner,
  });
});

describe('faults name the key and never a value', () => {
  test.each<[Record<string, string>, string, string]>([
    [{}, 'SecretKeyMissing', 'has no key "password" or "accessToken"'],
    [{ username: 'marker' }, 'SecretKeyMissing', 'has no key "password" or "accessToken"'],
    [
      { username: 'u', password: 'marker', accessToken: 'marker' },
      'InvalidKey',
      'must have one of the keys "password" and "accessToken", not both',
    ],
    [{ username: '', password: 'marker' }, 'InvalidKey', 'has an empty key "username"'],
    [{ username: 'u', password: '' }, 'InvalidKey', 'has an empty key "password"'],
    [{ username: 'u', password: '\n' }, 'InvalidKey', 'has an empty key "password"'],
    [{ username: 'u', accessToken: '' }, 'InvalidKey', 'has no access token in the key "accessToken"'],
    [{ username: 'u', accessToken: 'mar ker' }, 'InvalidKey', 'has no access token in the key "accessToken"'],
    [
      { username: 'u', accessToken: 'a\u0001auth' },
      'InvalidKey',
      'has no access token in the key "accessToken"',
    ],
    [
      { username: 'u', accessToken: 'x'.repeat(8_193) },
      'InvalidKey',
      'has no access token in the key "accessToken"',
    ],
    [
      { username: 'u\u0001auth=Bearer x', accessToken: 'marker' },
      'InvalidKey',
      'has control characters in the key "username"',
    ],
  ])('%j', (values, reason, message) => {
    expect(read(values)).toEqual({ reason, message });
    expect(message).not.toContain('marker');
  });

  test('an inherited name is no key of a Secret', () => {
    expect(read(Object.create({ username: 'u', password: 'p' }))).toMatchObject({
      reason: 'SecretKeyMissing',
    });
  });
});
