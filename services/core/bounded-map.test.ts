import { expect, test } from 'vitest';
import { BoundedMap } from './bounded-map.ts';

test('a full map forgets its oldest key', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).set('c', 3);
  expect([...map]).toEqual([
    ['b', 2],
    ['c', 3],
  ]);
});

test('a known key takes a new value in its place, and displaces nothing', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).set('a', 3);
  expect([...map]).toEqual([
    ['a', 3],
    ['b', 2],
  ]);
  map.set('c', 4);
  expect([...map.keys()]).toEqual(['b', 'c']);
});

test('a key that was deleted first comes back as the youngest', () => {
  const map = new BoundedMap<string, number>(2);
  map.set('a', 1).set('b', 2).delete('a');
  map.set('a', 1).set('c', 3);
  expect([...map.keys()]).toEqual(['a', 'c']);
});

test('a key may be undefined', () => {
  const map = new BoundedMap<string | undefined, number>(1);
  map.set(undefined, 1).set('a', 2);
  expect([...map.keys()]).toEqual(['a']);
});
