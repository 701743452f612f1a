// Makes, lists and revokes API keys. A key makes, sees and revokes only keys within its own
// ceilings.

import { mergeFaults } from '../core/accept/field-rules.ts';
import { KEY_RANDOM_BYTES, makeKey } from '../core/access/api-key.ts';
import type { Caller } from '../core/access/caller.ts';
import { ceilingsOf, isWithin, judgeCeilings, type WantedCeilings } from '../core/access/ceilings.ts';
import { faultOfKey, refusalToRevoke } from '../core/access/key-life.ts';
import { Failure, type FieldError, validationFailed } from '../core/failure.ts';
import type { ApiKey } from '../ports/key-store.ts';
import type { Ingest } from './ingest-parts.ts';
import { AuthenticationFailure, keyFaults } from './key-cache.ts';

interface CreateKeyRequest extends WantedCeilings {
  readonly name: string;
}

/**
 * A new key has at most the rights of its maker. Only this response contains the secret; the store
 * has its hash.
 * @param faults faults by the rules of the contract
 */
export async function createKey(
  ingest: Pick<Ingest, 'messages' | 'catalog' | 'keys' | 'keyCache' | 'random'>,
  caller: Caller,
  { name, ...wanted }: CreateKeyRequest,
  faults: readonly FieldError[],
): Promise<{ readonly key: ApiKey; readonly secret: string }> {
  const now = ingest.messages.now();
  const catalog = ingest.catalog.current();
  const { ceilings, errors } = judgeCeilings(ceilingsOf(caller), wanted, {
    now,
    isSender: (sender) => catalog.sender(caller.tenant, sender) !== null,
  });
  const all = mergeFaults(faults, errors);
  if (all.length > 0) throw validationFailed(all, 'The key is not valid.');

  await refuseRevoked(ingest, caller, now);
  const made = makeKey(ceilings.environment, ingest.random.bytes(KEY_RANDOM_BYTES));
  const key: ApiKey = {
    ...ceilings,
    id: made.key.id,
    tenant: caller.tenant,
    name,
    secretHash: made.key.secretHash,
    revokedAt: null,
    createdAt: now,
    createdBy: caller.keyId,
  };
  if (!(await ingest.keys.add(key)))
    throw new Failure('conflict', 'The id of the new key is already in use; try again.');
  return { key, secret: made.text };
}

/** Returns the keys within the caller's ceilings, always including the caller's own key. */
export async function listKeys(ingest: Pick<Ingest, 'keys'>, caller: Caller): Promise<readonly ApiKey[]> {
  return (await ingest.keys.list(caller.tenant)).filter((key) => exists(caller, key));
}

const exists = (caller: Caller, key: ApiKey): boolean => isWithin(ceilingsOf(caller), key);

/**
 * Returns the time of the revocation. Other processes accept the key for at most
 * `accessLimits.keyCacheMs`. Throws `not_found`, and `conflict` for a key that no other key could
 * replace.
 *
 * If two keys revoke themselves, or each other, at the same time, both may be revoked, since no
 * compare-and-set spans two documents. Such a revocation is not undone: a revoked key that works
 * again would be worse. The next start with another `PACKETBOAT_BOOTSTRAP_KEY` makes a new key.
 */
export async function revokeKey(
  ingest: Pick<Ingest, 'messages' | 'keys' | 'keyCache'>,
  caller: Caller,
  { id, isForced }: { readonly id: string; readonly isForced: boolean },
): Promise<number> {
  const now = ingest.messages.now();
  const keys = await ingest.keys.list(caller.tenant);
  const target = keys.find((key) => key.id === id);
  if (target === undefined || !exists(caller, target))
    throw new Failure('not_found', 'There is no key with this id.');
  const refusal = refusalToRevoke(id, keys, now, isForced);
  if (refusal !== null) throw refusal;
  await refuseRevoked(ingest, caller, now);
  await ingest.keys.revoke(caller.tenant, id, now);
  ingest.keyCache.forget(id);
  return (await ingest.keys.find(id))?.revokedAt ?? now;
}

/**
 * Reads the caller's key from the store, because the cached key may have been revoked, and a
 * revoked key must not make or revoke keys. Throws an `AuthenticationFailure`, which `handleCall`
 * counts as it does for a key that is not cached.
 */
async function refuseRevoked(
  ingest: Pick<Ingest, 'keys' | 'keyCache'>,
  caller: Caller,
  now: number,
): Promise<void> {
  const { keyId } = caller;
  const own = await ingest.keys.find(keyId);
  const fault = own === null ? 'unknown' : faultOfKey(own, now);
  if (fault === null) return;
  ingest.keyCache.forget(keyId);
  throw new AuthenticationFailure(fault, keyId, keyFaults[fault]);
}
