import { expect, test } from 'vitest';
import { orphansAmong } from './remove-orphans.ts';

const object = (uid: string, spec: object = {}) => ({
  metadata: { name: uid, namespace: 'shop', uid },
  spec,
});
const objects = {
  senders: [object('billing')],
  templates: [object('invoice', { identifier: 'Invoice' }), object('order')],
};
const entryOf = (key: string, uid: string | null, namespace: string | null = 'shop') => ({
  ...{ key, uid, namespace },
  fence: { term: 1, generation: 1 },
});

test.each([
  ['sender/shop/billing', 'billing', false],
  ['sender/shop/gone', 'gone', true],
  ['sender/shop/unknown', null, true],
  ['template/shop/Invoice', 'invoice', false],
  ['template/shop/invoice', 'invoice', true],
  ['template/shop/order', 'order', false],
  ['template/shop/order', 'former-order', true],
])('%s of the object %s is an orphan: %s', (key, uid, expected) => {
  const entry = entryOf(key, uid);
  expect(orphansAmong([entry], objects, { isComplete: () => true })).toEqual(expected ? [entry] : []);
});

test('an entry of a namespace that was not listed completely is no orphan', () => {
  const entries = ['shop', 'ghost', null].map((namespace) => entryOf('sender/shop/gone', 'gone', namespace));
  const isComplete = (namespace: string | null): boolean => namespace === 'shop';
  expect(orphansAmong(entries, objects, { isComplete })).toEqual([entries[0]]);
});
