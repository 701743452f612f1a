import { expect, test } from 'vitest';
import { hasPrecedence } from './precedence.ts';

const object = (creationTimestamp: string, uid: string) => ({
  metadata: { name: 'a', creationTimestamp, uid },
});

test.each([
  ['an older object', object('2026-01-01T00:00:00Z', 'b'), true],
  ['a younger object', object('2026-01-01T00:00:02Z', 'a'), false],
  ['an object of the same second with a lower uid', object('2026-01-01T00:00:01Z', 'a'), true],
  ['an object of the same second with a higher uid', object('2026-01-01T00:00:01Z', 'c'), false],
  ['the object itself', object('2026-01-01T00:00:01Z', 'b'), false],
])('%s has precedence: %#', (_, rival, expected) => {
  expect(hasPrecedence(rival, object('2026-01-01T00:00:01Z', 'b'))).toBe(expected);
});
