// Makes the first API key of a tenant: the key that the user chose (`PACKETBOAT_BOOTSTRAP_KEY`), or
// in embedded mode a generated key.

import { readKey } from '../core/access/api-key.ts';
import { type FirstKeyVerdict, judgeFirstKey } from '../core/access/key-life.ts';
import { scopes } from '../core/access/principal.ts';
import { Failure } from '../core/failure.ts';
import type { KeyStore } from '../ports/key-store.ts';

/** The key that the tenant should have after a start. */
interface FirstKey {
  readonly text: string;
  readonly tenant: string;
  /** The limit of the key, which is the highest limit of any key that it makes. */
  readonly requestsPerMinute: number;
}

/** `works` includes a key that was just made. */
type FirstKeyState = Exclude<FirstKeyVerdict, { kind: 'make' }>;

/**
 * Makes the key if the tenant needs a first key. Several instances may do so at once. Throws
 * `Failure('invalid')` if the text is not a key.
 */
export async function ensureFirstKey(
  keys: KeyStore,
  { text, tenant, requestsPerMinute }: FirstKey,
  now: number,
): Promise<FirstKeyState> {
  const presented = readKey(text);
  if (presented === null) throw new Failure('invalid', 'this is not an API key');
  const look = async (): Promise<FirstKeyVerdict> =>
    judgeFirstKey(presented, tenant, {
      found: await keys.find(presented.id),
      keys: await keys.list(tenant),
      now,
    });
  const verdict = await look();
  if (verdict.kind !== 'make') return verdict;
  const { id, secretHash } = presented;
  const limited = { scopes, environment: 'live', senders: [], requestsPerMinute, expiresAt: null } as const;
  const isMade = await keys.add({
    ...limited,
    id,
    secretHash,
    tenant,
    name: 'bootstrap',
    revokedAt: null,
    createdAt: now,
    createdBy: null,
  });
  if (isMade) return { kind: 'works' };
  // Another instance added the key between the read and the write.
  const other = await look();
  if (other.kind === 'make') throw new Failure('internal', 'a key that was added is not in the store');
  return other;
}

/** A sentence why the key does not work, and how to fix that; null: the key works. */
export function describeFirstKey(state: FirstKeyState, tenant: string): string | null {
  switch (state.kind) {
    case 'works':
      return null;
    case 'not_needed':
      return `The tenant ${tenant} already has other keys, so no key was made from PACKETBOAT_BOOTSTRAP_KEY. Make keys with an existing key: POST /v1/keys.`;
    case 'refused':
      return state.fault === 'other'
        ? 'PACKETBOAT_BOOTSTRAP_KEY is a key of another tenant. Set a different key for each tenant.'
        : `PACKETBOAT_BOOTSTRAP_KEY ${state.fault === 'revoked' ? 'was revoked' : 'has expired'} and cannot be used again. Set another key. At the next start, the key is made if the tenant ${tenant} has no working live key that may make keys for all senders.`;
    default:
      return state satisfies never;
  }
}
