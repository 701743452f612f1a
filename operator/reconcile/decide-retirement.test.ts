import { expect, test } from 'vitest';
import { decideRetirement } from './decide-retirement.ts';

const object = (uid: string, spec: object = {}) => ({
  metadata: { name: uid, namespace: 'shop', uid },
  spec,
});
const senders = [
  object('billing', { domain: 'shop.example' }),
  { metadata: { name: 'again', namespace: 'shop', uid: 'again-2' }, spec: { domain: 'Again.example' } },
];
const templates = [object('invoice', { identifier: 'Invoice' }), object('order')];
const uids = new Set([...senders, ...templates].map(({ metadata }) => metadata.uid));
const entryOf = (key: string, uid: string | null, more: object = {}) => ({
  ...{ key, uid, namespace: 'shop', domain: null, version: '40', fence: { term: 1, generation: 1 } },
  ...more,
});
const facts = {
  ...{ senders, templates, heldBefore: new Set<string>(), isMassRetireAllowed: false },
  listed: () => ({ uids, version: '50' }),
};
const many = (count: number, prefix = 'gone') =>
  Array.from({ length: count }, (_, i) => entryOf(`sender/shop/${prefix}-${i}`, `${prefix}-${i}`));

test.each([
  ['sender/shop/billing', 'billing', 'shop.example', false],
  ['sender/shop/gone', 'gone', 'gone.example', true],
  ['sender/shop/unknown', null, 'unknown.example', true],
  ['sender/shop/again', 'again-1', 'again.example', false],
  ['sender/shop/again', 'again-1', 'former.example', true],
  ['template/shop/Invoice', 'invoice', null, false],
  ['template/shop/invoice', 'invoice', null, true],
  ['template/shop/order', 'order', null, false],
  ['template/shop/order', 'former-order', null, false],
  ['template/shop/letter', 'former-letter', null, true],
])('%s of the object %s in the domain %s is retired: %s', (key, uid, domain, expected) => {
  const entry = entryOf(key, uid, { domain });
  expect(decideRetirement({ ...facts, entries: [entry] })).toEqual({
    retire: expected ? [entry] : [],
    held: [],
  });
});

test('an entry of a namespace that was not listed completely stays', () => {
  const entries = ['shop', 'ghost', null].map((namespace) =>
    entryOf('sender/shop/gone', 'gone', { namespace }),
  );
  const listed = (namespace: string | null) => (namespace === 'shop' ? facts.listed() : null);
  expect(decideRetirement({ ...facts, entries, listed }).retire).toEqual([entries[0]]);
});

test.each([
  ['50 of 120', 50, 70, true],
  ['50 of 100', 50, 50, true],
  ['51 of 101', 51, 50, false],
  ['50 of 50', 50, 0, false],
  ['11 of 11', 11, 0, false],
  ['10 of 10', 10, 0, true],
])('%s missing objects at once are retired: %#', (_, gone, kept, isRetired) => {
  const stay = Array.from({ length: kept }, (_, i) => entryOf(`sender/shop/kept-${i}`, 'billing'));
  const entries = [...many(gone), ...stay];
  const { retire, held } = decideRetirement({ ...facts, entries });
  expect(retire).toHaveLength(isRetired ? gone : 0);
  expect(held.map(({ reason, keys, total }) => [reason, keys.length, total])).toEqual(
    isRetired ? [] : [['TooManyMissing', gone, gone + kept]],
  );
  expect(decideRetirement({ ...facts, entries, isMassRetireAllowed: true })).toMatchObject({ held: [] });
  expect(decideRetirement({ ...facts, entries, isMassRetireAllowed: true }).retire).toHaveLength(gone);
});

test('namespaces are judged one by one', () => {
  const elsewhere = entryOf('sender/bakery/gone', 'gone', { namespace: 'bakery' });
  const { retire, held } = decideRetirement({ ...facts, entries: [...many(50), elsewhere] });
  expect(retire).toEqual([elsewhere]);
  expect(held.map(({ namespace }) => namespace)).toEqual(['shop']);
});

test.each([
  ['an older state than the object had', '51', false],
  ['the state of the object', '50', true],
  ['a version of another form', 'x51', true],
])('an object that is missing while the API server has %s is retired: %#', (_, version, isRetired) => {
  const entry = entryOf('sender/shop/gone', 'gone', { version });
  const decided = decideRetirement({ ...facts, entries: [entry] });
  expect(decided.retire).toEqual(isRetired ? [entry] : []);
  expect(decided.held.map(({ reason, keys }) => [reason, keys])).toEqual(
    isRetired ? [] : [['OlderState', [entry.key]]],
  );
});

test('an entry that was held for an older state stays held when the versions have grown', () => {
  const entry = entryOf('sender/shop/gone', 'gone');
  const later = { ...facts, entries: [entry], heldBefore: new Set([entry.key]) };
  expect(decideRetirement(later).retire).toEqual([]);
  expect(decideRetirement({ ...later, isMassRetireAllowed: true }).retire).toEqual([entry]);
});
