// The key under which a suppressed address is stored: an HMAC, so that the list contains no
// address. During a rotation there are several HMAC keys: entries are written with the first and
// found with each.

import { type Address, canonical } from '../address.ts';
import { hmacSha256 } from '../secrets/hmac.ts';
import type { Key } from '../secrets/keyring.ts';

/** The only scope there is so far: all mail of the tenant. */
export const SCOPE_ALL = 'all';

/**
 * One hash per key, in their order. The tenant is part of it: equal addresses of two tenants cannot
 * be seen to be equal.
 */
export const suppressionHashes = (keys: readonly Key[], tenant: string, address: Address): string[] =>
  keys.map(
    (key) => `${key.id}:${hmacSha256(key.secret, `${tenant}\n${canonical(address)}`).toString('hex')}`,
  );
