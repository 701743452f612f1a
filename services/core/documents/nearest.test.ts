import { describe, expect, test } from 'vitest';
import { nearest } from './nearest.ts';

const fields = ['from', 'domain', 'replyTo', 'routes', 'returnPathDomain', 'dkim'];

describe('the nearest known word', () => {
  test.each([
    ['frm', 'from'],
    ['form', 'from'],
    ['FROM', 'from'],
    ['reply_to', 'replyTo'],
    ['replyto', 'replyTo'],
    ['route', 'routes'],
    ['domian', 'domain'],
    ['returnPath', null],
    ['dikm', 'dkim'],
    ['x', null],
    ['', null],
    ['nonsense', null],
    ['from'.repeat(1_000), null],
  ])('of %j is %j', (word, expected) => expect(nearest(word, fields)).toBe(expected));

  test('prefers the first of two equally similar words', () =>
    expect(nearest('ab12', ['ab1x', 'ab1y'])).toBe('ab1x'));
});
