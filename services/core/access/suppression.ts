// Hashes a suppressed address with an HMAC, so that the list contains no address. During a rotation
// there are several HMAC keys: entries are written with the first key and found with each of them.

import { type Address, canonical } from '../address.ts';
import { hmacSha256 } from '../secrets/hmac.ts';
import type { Key } from '../secrets/keyring.ts';

/** The only scope so far: all mail of the tenant. */
export const SCOPE_ALL = 'all';

/**
 * Returns one hash per key, in the order of the keys. A hash includes the tenant, so that equal
 * addresses of two tenants have different hashes.
 */
export const suppressionHashes = (keys: readonly Key[], tenant: string, address: Address): string[] =>
  keys.map(
    (key) => `${key.id}:${hmacSha256(key.secret, `${tenant}\n${canonical(address)}`).toString('hex')}`,
  );
