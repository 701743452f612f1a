// The life of keys: which keys work, which keys may make others, when a key may revoke itself, and
// when a program makes the first key at start.

import { Failure } from '../failure.ts';
import { isWithinRights, type Rights } from './ceilings.ts';
import type { Scope } from './principal.ts';

/** The fields of a stored key that these decisions read. */
export interface StoredKey extends Rights {
  readonly id: string;
  readonly tenant: string;
  readonly secretHash: string;
  /** Milliseconds since 1970, or null. */
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

/** The reason why a key does not work; null: the key works. */
export function faultOfKey(
  key: Pick<StoredKey, 'revokedAt' | 'expiresAt'>,
  now: number,
): 'revoked' | 'expired' | null {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt <= now ? 'expired' : null;
}

const MAKES_KEYS: Scope = 'keys:write';

/** Whether a key works and may make others. */
export const makesKeys = (key: StoredKey, now: number): boolean =>
  faultOfKey(key, now) === null && key.scopes.includes(MAKES_KEYS);

/**
 * Null: the key may be revoked. A key may revoke itself only while another working key could replace
 * it: a key with `keys:write` and at least the same environment, senders and scopes. Limit and
 * expiry do not matter. To revoke another key is always allowed, since the caller has at least its
 * rights.
 * @param keys all keys of the tenant
 */
export function refusalToRevoke(
  id: string,
  keys: readonly StoredKey[],
  now: number,
  isForced: boolean,
): Failure | null {
  const target = keys.find((key) => key.id === id);
  if (isForced || target === undefined || !makesKeys(target, now)) return null;
  if (keys.some((key) => key.id !== id && makesKeys(key, now) && isWithinRights(key, target))) return null;
  const message =
    'No other working key of the tenant with the scope keys:write has at least the environment, the senders and the scopes of this key. ' +
    'Set force=true to revoke this key anyway.';
  return new Failure('conflict', message, { code: 'last_key' });
}

/**
 * Whether a tenant needs a first key: no working live key may make keys for all senders. Restricted
 * keys do not count, because they can never make an unrestricted key. Other scopes do not matter: a
 * live key that lacks a scope can still revoke itself by force, after which a first key is made.
 * @param keys all keys of the tenant
 */
export const needsFirstKey = (keys: readonly StoredKey[], now: number): boolean =>
  !keys.some((key) => makesKeys(key, now) && key.environment === 'live' && key.senders.length === 0);

/** What a program does about the first key at start. Only `make` and `works` may show the key. */
export type FirstKeyVerdict =
  | { readonly kind: 'make' }
  | { readonly kind: 'works' }
  /** `other`: the text belongs to a key of another tenant. */
  | { readonly kind: 'refused'; readonly fault: 'revoked' | 'expired' | 'other' }
  | { readonly kind: 'not_needed' };

/**
 * A start makes a key only if the tenant needs a first key, so that a forgotten setting in a
 * manifest adds no key. It never makes a key a second time, so that a revoked key stays revoked.
 * @param found the stored key with the id of `presented`
 * @param keys all keys of the tenant
 */
export function judgeFirstKey(
  presented: { readonly secretHash: string },
  tenant: string,
  {
    found,
    keys,
    now,
  }: { readonly found: StoredKey | null; readonly keys: readonly StoredKey[]; readonly now: number },
): FirstKeyVerdict {
  if (found !== null) {
    if (found.tenant !== tenant || found.secretHash !== presented.secretHash)
      return { kind: 'refused', fault: 'other' };
    const fault = faultOfKey(found, now);
    return fault === null ? { kind: 'works' } : { kind: 'refused', fault };
  }
  return needsFirstKey(keys, now) ? { kind: 'make' } : { kind: 'not_needed' };
}
