import { expect, test } from 'vitest';
import { orphansAmong } from './remove-orphans.ts';

const object = (uid: string, spec: object = {}) => ({
  metadata: { name: uid, namespace: 'shop', uid },
  spec,
});
const senders = [object('billing')];
const templates = [object('invoice', { identifier: 'Invoice' }), object('order')];

test.each([
  ['sender/shop/billing', 'billing', false],
  ['sender/shop/gone', 'gone', true],
  ['sender/shop/unknown', null, true],
  ['template/shop/Invoice', 'invoice', false],
  ['template/shop/invoice', 'invoice', true],
  ['template/shop/order', 'order', false],
  ['template/shop/order', 'former-order', true],
])('%s of the object %s is an orphan: %s', (key, uid, expected) => {
  const entry = { key, uid, fence: { term: 1, generation: 1 } };
  expect(orphansAmong([entry], senders, templates)).toEqual(expected ? [entry] : []);
});
