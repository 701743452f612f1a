// The life of keys: which still work, which may make others, when the last of those may go, and whether a start makes one.

import { Failure } from '../failure.ts';
import type { Scope } from './principal.ts';

/** What the store says of a key, as far as these decisions need it. */
export interface StoredKey {
  readonly id: string;
  readonly tenant: string;
  readonly secretHash: string;
  readonly scopes: readonly string[];
  /** Milliseconds since 1970, or null. */
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

/** Why a key does not work; null: it works. */
export function faultOfKey(key: Pick<StoredKey, 'revokedAt' | 'expiresAt'>, now: number): 'revoked' | 'expired' | null {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt <= now ? 'expired' : null;
}

const MAKES_KEYS: Scope = 'keys:write';

/** Whether a key works and may make others. */
export const makesKeys = (key: StoredKey, now: number): boolean => faultOfKey(key, now) === null && key.scopes.includes(MAKES_KEYS);

/**
 * Null: the key may be revoked. Only a key that revokes itself can be the last that makes keys: any other leaves the key that revokes it.
 * @param keys all of the tenant
 */
export function refusalToRevoke(id: string, keys: readonly StoredKey[], now: number, isForced: boolean): Failure | null {
  if (isForced || keys.some((key) => key.id !== id && makesKeys(key, now))) return null;
  const target = keys.find((key) => key.id === id);
  if (target === undefined || !makesKeys(target, now)) return null;
  return new Failure('conflict', 'This is the last key of the tenant that may make keys. Set force=true to revoke it all the same.', {
    code: 'last_key',
  });
}

/** What a start does about its first key. Only `make` and `works` end with a key that may be shown. */
export type FirstKeyVerdict =
  | { readonly kind: 'make' }
  | { readonly kind: 'works' }
  /** `other`: the text belongs to a key of another tenant. */
  | { readonly kind: 'refused'; readonly fault: 'revoked' | 'expired' | 'other' }
  | { readonly kind: 'not_needed' };

/**
 * A key is made only while no key of the tenant works and may make others, so a setting that was forgotten in a manifest adds nothing; and never a
 * second time, so a key that was revoked stays revoked.
 * @param found what the store has under the id of `presented`
 * @param keys all of the tenant
 */
export function judgeFirstKey(
  presented: { readonly secretHash: string },
  tenant: string,
  { found, keys, now }: { readonly found: StoredKey | null; readonly keys: readonly StoredKey[]; readonly now: number },
): FirstKeyVerdict {
  if (found !== null) {
    if (found.tenant !== tenant || found.secretHash !== presented.secretHash) return { kind: 'refused', fault: 'other' };
    const fault = faultOfKey(found, now);
    return fault === null ? { kind: 'works' } : { kind: 'refused', fault };
  }
  return keys.some((key) => makesKeys(key, now)) ? { kind: 'not_needed' } : { kind: 'make' };
}
