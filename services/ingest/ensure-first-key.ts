// The first API key of a tenant: the one that the user chose (`PACKETBOAT_BOOTSTRAP_KEY`), or in
// embedded mode a generated one.

import { readKey } from '../core/access/api-key.ts';
import { type FirstKeyVerdict, judgeFirstKey } from '../core/access/key-life.ts';
import { scopes } from '../core/access/principal.ts';
import { Failure } from '../core/failure.ts';
import type { KeyStore } from '../ports/key-store.ts';

/** The key that a start wants the tenant to have. */
interface FirstKey {
  readonly text: string;
  readonly tenant: string;
  /** The limit of the key, and so the highest limit of any key in the tenant. */
  readonly requestsPerMinute: number;
}

/** `works` also for a key that was just made. */
type FirstKeyState = Exclude<FirstKeyVerdict, { kind: 'make' }>;

/**
 * Makes the key when the tenant needs one. Several instances may do this at once. Throws
 * `Failure('invalid')` for a text that is no key.
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
  // Another instance added the key between the look and the write.
  const other = await look();
  if (other.kind === 'make') throw new Failure('internal', 'a key that was added is not there');
  return other;
}

/** Why the key cannot be used, and what to do; null: the key works. */
export function describeFirstKey(state: FirstKeyState, tenant: string): string | null {
  switch (state.kind) {
    case 'works':
      return null;
    case 'not_needed':
      return `The tenant ${tenant} has other keys already, so PACKETBOAT_BOOTSTRAP_KEY was not made. Make keys with one of those: POST /v1/keys.`;
    case 'refused':
      return state.fault === 'other'
        ? 'PACKETBOAT_BOOTSTRAP_KEY is a key of another tenant. Set a key of its own for each tenant.'
        : `PACKETBOAT_BOOTSTRAP_KEY ${state.fault === 'revoked' ? 'was revoked' : 'has expired'} and stays so. Set another key: a start makes the key when the tenant ${tenant} has no working live key that may make keys for all senders.`;
    default:
      return state satisfies never;
  }
}
