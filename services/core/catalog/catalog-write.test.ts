import { expect, it } from 'vitest';
import { decideWrite, mayRetire, type StoredObject } from './catalog-write.ts';

const stored: StoredObject = {
  source: { kind: 'operator', name: 'prod' },
  fence: { term: 3, generation: 7 },
  hash: 'a',
  state: 'live',
  domain: 'shop.example',
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
  ['one that was removed', { ...stored, state: 'removed' as const }, by(3, 1), 'a', true, 'created'],
  [
    'one that another removed',
    { ...stored, state: 'removed' as const },
    by(3, 1, { kind: 'folder' }),
    'a',
    true,
    'created',
  ],
  [
    'one that was removed since, by an old leader',
    { ...stored, state: 'removed' as const },
    by(2, 9),
    'a',
    true,
    'fenced',
  ],
  [
    'an object that a source with another count of terms removed',
    { ...stored, state: 'removed' as const },
    by(2, 1, { kind: 'folder' }),
    'a',
    true,
    'created',
  ],
  [
    'the same object, which drains',
    { ...stored, state: 'draining' as const },
    by(3, 7),
    'a',
    true,
    'updated',
  ],
  [
    'a recreated object, while the former drains',
    { ...stored, state: 'draining' as const, source: { ...stored.source, uid: 'old' } },
    by(3, 1, { uid: 'new' }),
    'a',
    true,
    'updated',
  ],
  [
    'a recreated object, while the former drains, by an old leader',
    { ...stored, state: 'draining' as const, source: { ...stored.source, uid: 'old' } },
    by(2, 1, { uid: 'new' }),
    'a',
    true,
    'fenced',
  ],
  [
    'another source, while the object drains',
    { ...stored, state: 'draining' as const },
    by(1, 1, { kind: 'folder' }),
    'a',
    true,
    'updated',
  ],
])('%s: %#', (_, object, writing, hash, isSame, answer) => {
  expect(decideWrite(object, writing, { hash, domain: 'shop.example', isSame })).toBe(answer);
});

it.each([
  ['its own, in a folder', stored, by(3, 8), 'updated'],
  [
    'that of an earlier object',
    { ...stored, source: { ...stored.source, uid: 'old' } },
    by(3, 1, { uid: 'new' }),
    'draining',
  ],
  [
    'that of an earlier object, which drains',
    { ...stored, state: 'draining' as const, source: { ...stored.source, uid: 'old' } },
    by(3, 1, { uid: 'new' }),
    'draining',
  ],
  [
    'that of an earlier object, which was erased',
    { ...stored, state: 'removed' as const, source: { ...stored.source, uid: 'old' } },
    by(3, 1, { uid: 'new' }),
    'created',
  ],
  [
    'that of another source, which drains',
    { ...stored, state: 'draining' as const },
    by(3, 1, { name: 'staging' }),
    'foreign',
  ],
])('a write of another domain over %s', (_, object, writing, answer) => {
  expect(decideWrite(object, writing, { hash: 'b', domain: 'other.example', isSame: true })).toBe(answer);
});

it.each([
  ['its own', stored, by(3, 7), true],
  ['its own, as a new leader', stored, by(4, 0), true],
  ['its own, as an old leader', stored, by(2, 9), false],
  ['one that was written since', stored, by(3, 6), false],
  ['another’s', stored, by(9, 9, { name: 'staging' }), false],
  ['one that drains', { ...stored, state: 'draining' as const }, by(9, 9), false],
  ['one that is removed', { ...stored, state: 'removed' as const }, by(9, 9), false],
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
])('may it retire %s? %#', (_, object, writing, answer) => {
  expect(mayRetire(object, writing)).toBe(answer);
});
