import { expect, test } from 'vitest';
import { Failure, type FailureKind } from '../../services/core/failure.ts';
import { Namespaces } from './namespaces.ts';

const KINDS = ['senders', 'secrets'];
const failure = (kind: FailureKind) => new Failure(kind, 'no');

function watched(names: readonly string[] | null) {
  const told: string[] = [];
  const namespaces = new Namespaces({
    names,
    kinds: KINDS,
    onListed: (name) => void told.push(`${name} listed`),
    onReason: (name, unusable) => void told.push(`${name} ${unusable?.reason ?? 'usable'}`),
  });
  let isDecided = false;
  void namespaces.decided.then(() => {
    isDecided = true;
  });
  const list = (name: string): void => {
    for (const kind of KINDS) namespaces.listed(name, kind);
  };
  const decided = async (): Promise<boolean> => {
    await Promise.resolve();
    return isDecided;
  };
  return { namespaces, told, list, decided };
}

test('a namespace is listed when all of its kinds are, and an unusable one delays no other', async () => {
  const { namespaces, told, list, decided } = watched(['shop', 'ghost']);
  namespaces.listed('shop', 'senders');
  expect(namespaces.isListed('shop')).toBe(false);
  list('shop');
  expect(namespaces.isListed('shop')).toBe(true);
  expect(await decided()).toBe(false);
  for (const kind of KINDS) namespaces.failed('ghost', kind, failure('forbidden'));
  expect(await decided()).toBe(true);
  expect(namespaces.unusable()).toMatchObject([{ namespace: 'ghost', reason: 'Forbidden' }]);
  expect(told).toEqual(['shop listed', 'ghost Forbidden']);
  list('ghost');
  expect(namespaces.unusable()).toEqual([]);
  expect(told.slice(2)).toEqual(['ghost usable', 'ghost listed']);
});

test.each([
  ['forbidden', 'Forbidden'],
  ['not_found', 'NotFound'],
  ['unavailable', null],
  ['rate_limited', null],
  ['unauthenticated', null],
] as const)('a first list that fails with %s has the reason %s', async (kind, reason) => {
  const { namespaces, decided } = watched(['shop']);
  namespaces.failed('shop', 'senders', failure(kind));
  expect(namespaces.unusable().map((unusable) => unusable.reason)).toEqual(reason === null ? [] : [reason]);
  expect(await decided()).toBe(reason !== null);
  namespaces.stopWaiting();
  expect(namespaces.unusable().map((unusable) => unusable.reason)).toEqual([reason ?? 'NotListed']);
  expect(await decided()).toBe(true);
});

test('a namespace that loses its Role stays listed, and is unusable until it is listed again', () => {
  const { namespaces, list, told } = watched(['shop', 'billing']);
  list('shop');
  list('billing');
  namespaces.failed('shop', 'senders', failure('unavailable'));
  expect(namespaces.unusable()).toEqual([]);
  namespaces.failed('shop', 'senders', failure('forbidden'));
  expect(namespaces.unusable()).toMatchObject([{ namespace: 'shop', reason: 'Forbidden' }]);
  expect(namespaces.isListed('shop')).toBe(true);
  namespaces.listed('shop', 'senders');
  expect(told).toEqual(['shop listed', 'billing listed', 'shop Forbidden', 'shop usable']);
});

test('an operator of all namespaces has one scope for all', () => {
  const { namespaces, list } = watched(null);
  expect(namespaces.isListed('any')).toBe(false);
  list('*');
  expect(namespaces.isListed('any')).toBe(true);
});

test('a namespace that is not watched is never listed', () => {
  const { namespaces, list } = watched(['shop']);
  list('shop');
  expect(namespaces.isListed('other')).toBe(false);
});
