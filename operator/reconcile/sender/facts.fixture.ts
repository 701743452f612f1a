// A Sender and the facts about it: valid, verified and without managed keys, unless a test
// says otherwise.

import { generateKeyPairSync } from 'node:crypto';
import { isFaults } from '../../../services/core/documents/fault.ts';
import { dkimRecord, readDkimKey } from '../../../services/core/mail/dkim/key.ts';
import { type CheckedRecord, checkRecord } from '../../../services/core/objects/domain-records.ts';
import type { SenderResource } from '../../api/v1alpha1/resources.ts';
import { compileWith, readSender, recordsFor, type SenderFacts } from './decide.ts';
import type { ManagedKey } from './decide-dkim-keys.ts';
import type { StoredDkimKey } from './dkim-secrets.ts';

export const NOW = Date.parse('2026-03-01T12:00:00Z');

export const senderObject = (spec: object = {}, more: Partial<SenderResource> = {}): SenderResource => ({
  metadata: {
    name: 'billing',
    namespace: 'shop',
    uid: 'u1',
    generation: 3,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: {
    domain: 'shop.example',
    from: { address: 'billing@shop.example' },
    routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
    dkim: { policy: 'Disabled' },
    ...spec,
  },
  ...more,
});

export const senderFacts = (
  object: SenderResource = senderObject(),
  more: Partial<SenderFacts> = {},
): SenderFacts => {
  const { keys = [] } = more;
  const claim = { object, read: readSender(object), tenant: 'shop', owner: null };
  return {
    ...claim,
    secrets: new Map(),
    keys,
    isKeyAwaited: false,
    records: allRecords(object, keys, 'Found'),
    now: NOW,
    ...more,
  };
};

/** All records that the Sender needs, in one state. */
export function allRecords(
  object: SenderResource,
  keys: readonly StoredDkimKey[],
  state: CheckedRecord['state'],
): readonly CheckedRecord[] {
  const read = readSender(object);
  const compiled = isFaults(read) ? read : compileWith(read, new Map());
  if (isFaults(compiled)) return [];
  return recordsFor(compiled, keys).map((record) => ({ ...checkRecord(record, null), state }));
}

const { privateKey } = generateKeyPairSync('ed25519');
const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));

export function managedKey(managed: Partial<ManagedKey>): StoredDkimKey {
  const selector = managed.selector ?? 'pb-1';
  const key = readDkimKey(selector, pem);
  if (typeof key === 'string') throw new Error(key);
  return {
    managed: {
      selector,
      algorithm: 'ed25519-sha256',
      createdAt: NOW,
      seenAt: null,
      activeAt: null,
      retiredAt: null,
      ...managed,
    },
    secret: { metadata: { name: `billing-dkim-${selector}`, namespace: 'shop' } },
    key,
    record: dkimRecord(pem),
    isOwn: true,
  };
}
