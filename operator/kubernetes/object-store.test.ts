import { expect, it } from 'vitest';
import { ObjectStore } from './object-store.ts';
import type { KubernetesObject } from './resource.ts';

interface Pet extends KubernetesObject {
  readonly colours: readonly string[];
}

const pet = (name: string, ...colours: readonly string[]): Pet => ({
  metadata: { namespace: 'home', name },
  colours,
});

it('finds the current objects by their indexes', () => {
  const store = new ObjectStore<Pet, 'colour'>({ colour: ({ colours }) => colours });
  store.set(pet('cat', 'grey', 'white'));
  store.set(pet('dog', 'white'));
  const named = (colour: string) => store.by('colour', colour).map(({ metadata }) => metadata.name);
  expect(named('white')).toEqual(['cat', 'dog']);
  expect(named('black')).toEqual([]);

  store.set(pet('cat', 'black'));
  expect(named('white')).toEqual(['dog']);
  expect(named('grey')).toEqual([]);
  expect(named('black')).toEqual(['cat']);

  store.delete({ namespace: 'home', name: 'dog' });
  store.delete({ namespace: 'home', name: 'bird' });
  expect(named('white')).toEqual([]);
  expect(store.objects()).toEqual([pet('cat', 'black')]);
  expect(store.get({ namespace: 'home', name: 'dog' })).toBeNull();
});
