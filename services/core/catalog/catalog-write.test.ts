import { expect, it } from 'vitest';
import { decideWrite, mayRemove, type StoredObject } from './catalog-write.ts';

const stored: StoredObject = {
  source: { kind: 'operator', name: 'prod' },
  fence: { term: 3, generation: 7 },
  hash: 'a',
  isLive: true,
};
const by = (term: number, generation: number, more: { kind?: string; name?: string; uid?: string } = {}) => ({
  kind: 'operator',
  name: 'prod',
  ...more,
  fence: { term, generation },
});

it.each([
  ['a new object', null, by(1, 1), 'a', true, 'created'],
  ['the same content again', stored, by(3, 7), 'a', true, 'unchanged'],
  ['the same content from a new leader', stored, by(4, 7), 'a', true, 'unchanged'],
  ['another content', stored, by(3, 8), 'b', true, 'updated'],
  ['a stored object that somebody edited in the store', stored, by(3, 7), 'b', true, 'updated'],
  ['another secret only', stored, by(3, 7), 'a', false, 'updated'],
  ['a new leader and an object whose generations start over', stored, by(4, 1), 'b', true, 'updated'],
  ['an old leader with a new generation', stored, by(2, 9), 'b', true, 'fenced'],
  ['an old generation', stored, by(3, 6), 'b', true, 'fenced'],
  ['an old generation of the same content', stored, by(3, 6), 'a', true, 'fenced'],
  ['another cluster', stored, by(9, 9, { name: 'staging' }), 'b', true, 'foreign'],
  ['a folder', stored, by(9, 9, { kind: 'folder' }), 'a', true, 'foreign'],
  [
    'a younger object of the same name, which counts from the start',
    { ...stored, source: { ...stored.source, uid: 'old' } },
    by(3, 1, { uid: 'new' }),
    'b',
    true,
    'updated',
  ],
  [
    'a younger object of the same name, by an old leader',
    { ...stored, source: { ...stored.source, uid: 'old' } },
    by(2, 1, { uid: 'new' }),
    'b',
    true,
    'fenced',
  ],
  ['one that was removed', { ...stored, isLive: false }, by(3, 1), 'a', true, 'created'],
  [
    'one that another removed',
    { ...stored, isLive: false },
    by(3, 1, { kind: 'folder' }),
    'a',
    true,
    'created',
  ],
  [
    'one that was removed since, by an old leader',
    { ...stored, isLive: false },
    by(2, 9),
    'a',
    true,
    'fenced',
  ],
])('%s: %#', (_, object, writing, hash, isSame, answer) => {
  expect(decideWrite(object, writing, hash, isSame)).toBe(answer);
});

it.each([
  ['its own', stored, by(3, 7), true],
  ['its own, as a new leader', stored, by(4, 0), true],
  ['its own, as an old leader', stored, by(2, 9), false],
  ['one that was written since', stored, by(3, 6), false],
  ['another’s', stored, by(9, 9, { name: 'staging' }), false],
  ['one that is removed', { ...stored, isLive: false }, by(9, 9), false],
  [
    'one that it names',
    { ...stored, source: { ...stored.source, uid: 'one' } },
    by(3, 7, { uid: 'one' }),
    true,
  ],
  [
    'a younger one of the same name',
    { ...stored, source: { ...stored.source, uid: 'new' } },
    by(3, 9, { uid: 'old' }),
    false,
  ],
  ['whatever has the name', { ...stored, source: { ...stored.source, uid: 'one' } }, by(3, 7), true],
])('may it remove %s? %#', (_, object, writing, answer) => {
  expect(mayRemove(object, writing)).toBe(answer);
});
