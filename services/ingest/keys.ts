// Making, listing and revoking API keys. A key makes, sees and revokes only what lies within its
// own ceilings.

import { mergeFaults } from '../core/accept/field-rules.ts';
import { KEY_RANDOM_BYTES, makeKey } from '../core/access/api-key.ts';
import type { Caller } from '../core/access/caller.ts';
import { ceilingsOf, isWithin, judgeCeilings, type WantedCeilings } from '../core/access/ceilings.ts';
import { faultOfKey, refusalToRevoke } from '../core/access/key-life.ts';
import { Failure, type FieldError, validationFailed } from '../core/failure.ts';
import type { ApiKey } from '../ports/key-store.ts';
import { AuthenticationFailure, keyFaults } from './authenticate.ts';
import type { Ingest } from './ingest.ts';

interface CreateKeyRequest extends WantedCeilings {
  readonly name: string;
}

/**
 * A key may do no more than the key that makes it. The secret is in this answer and nowhere else.
 * @param faults by the rules of the contract
 */
export async function createKey(
  ingest: Ingest,
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
  if (!(await ingest.keys.add(key))) throw new Failure('conflict', 'The key could not be made; try again.');
  return { key, secret: made.text };
}

/** Those within the caller's ceilings; its own key always is. */
export async function listKeys(ingest: Ingest, caller: Caller): Promise<readonly ApiKey[]> {
  return (await ingest.keys.list(caller.tenant)).filter((key) => exists(caller, key));
}

const exists = (caller: Caller, key: ApiKey): boolean => isWithin(ceilingsOf(caller), key);

/**
 * Answers since when. Elsewhere the key stops working within `accessLimits.keyCacheMs`. Throws `not_found`, and `conflict` for a key that no other could
 * make again.
 *
 * Two keys that revoke themselves in the same instant may both go, since no compare-and-set spans two documents; so may two keys that revoke each
 * other. A revocation is never taken back for this: a revoked key that works again is the greater harm. The next start with a
 * `PACKETBOAT_BOOTSTRAP_KEY` of its own makes another key.
 */
export async function revokeKey(
  ingest: Ingest,
  caller: Caller,
  { id, isForced }: { readonly id: string; readonly isForced: boolean },
): Promise<number> {
  const now = ingest.messages.now();
  const keys = await ingest.keys.list(caller.tenant);
  const target = keys.find((key) => key.id === id);
  if (target === undefined || !exists(caller, target))
    throw new Failure('not_found', 'There is no key of this id.');
  const refusal = refusalToRevoke(id, keys, now, isForced);
  if (refusal !== null) throw refusal;
  await refuseRevoked(ingest, caller, now);
  await ingest.keys.revoke(caller.tenant, id, now);
  ingest.keyCache.forget(id);
  return (await ingest.keys.find(id))?.revokedAt ?? now;
}

/**
 * Keys are cached, and in these seconds a revoked key must not make keys that outlast it, nor
 * revoke those of others. Throws an `AuthenticationFailure`, which `answer` counts like that of a
 * key that was not cached.
 */
async function refuseRevoked(ingest: Ingest, caller: Caller, now: number): Promise<void> {
  const { keyId } = caller;
  const own = await ingest.keys.find(keyId);
  const fault = own === null ? 'unknown' : faultOfKey(own, now);
  if (fault === null) return;
  ingest.keyCache.forget(keyId);
  throw new AuthenticationFailure(fault, keyId, keyFaults[fault]);
}
