// The catalog of a simulated world: one sender, replaced whole when it changes.

import type { Sender } from '../../services/core/catalog/catalog.ts';
import { snapshotOf } from '../../services/core/catalog/snapshot.ts';
import type { Catalog } from '../../services/ports/catalog.ts';
import { address } from '../contract/sample-message.ts';

export function catalogOf(senders: readonly Sender[]): {
  readonly catalog: Catalog;
  replace(senders: readonly Sender[]): void;
} {
  let snapshot = snapshotOf(1, senders, []);
  const catalog: Catalog = {
    current: () => snapshot,
    revision: async () => null,
    onChange: () => ({ [Symbol.dispose]: () => {} }),
    [Symbol.asyncDispose]: async () => {},
  };
  return {
    catalog,
    replace: (next) => {
      snapshot = snapshotOf(snapshot.version + 1, next, []);
    },
  };
}

export const sampleSender = (delaysMs: readonly number[]): Sender => ({
  tenant: 'default',
  name: 'acme',
  revision: 1,
  hash: '',
  suspended: false,
  verified: true,
  retiring: false,
  domain: 'acme.example',
  from: { name: 'Acme', address: address('hello@acme.example') },
  replyTo: [],
  returnPathDomain: 'bounce.acme.example',
  team: [],
  routes: [
    { name: 'first', host: 'mx1.example', port: 25, tls: 'Opportunistic', credentials: null, ca: null },
    { name: 'second', host: 'mx2.example', port: 25, tls: 'Opportunistic', credentials: null, ca: null },
  ],
  limits: { messagesPerSecond: 50, messagesPerDay: 0, maxRecipients: 50, maxMessageBytes: 1_000_000 },
  retry: { delaysMs, maxAgeMs: 48 * 3_600_000 },
  copies: 'at_least_once',
  dkim: [],
});
