// Failed authentications: which failures count as guesses, under which names they are counted, and
// when a caller gets 429 instead of 401. A valid key always passes, so no caller can lock out
// another caller behind the same address.

import { Failure } from '../failure.ts';
import { accessLimits } from '../limits/access.ts';
import { addressBlock } from '../network/address-block.ts';
import { hmacSha256 } from '../secrets/hmac.ts';
import type { Key } from '../secrets/keyring.ts';
import type { WindowCount } from './failure-windows.ts';
import type { KeyTextFault } from './key-text.ts';

/**
 * `unknown`: no key has this id. `wrong_secret`: a key has this id and another secret. No caller
 * learns the difference.
 */
export type FailureReason = KeyTextFault | 'unknown' | 'wrong_secret' | 'revoked' | 'expired';

interface FailedAuthentication {
  readonly reason: FailureReason;
  /** The id in the presented key; null if the text does not have the form of a key. */
  readonly keyId: string | null;
}

/**
 * Returns the names under which a failure is counted: one for the client's address, one for the id
 * of the key. A text without the form of a key has no names: it is refused without a look-up and
 * guesses nothing. A name contains an HMAC of the address, so that no counter shows the address.
 */
export function countedUnder(hashKey: Key, { keyId }: FailedAuthentication, clientAddress: string): string[] {
  if (keyId === null) return [];
  const block = addressBlock(clientAddress);
  const byKey = `key/${keyId}`;
  if (block === null) return [byKey];
  return [`address/${hmacSha256(hashKey.secret, `client address\n${block}`).toString('base64url')}`, byKey];
}

/** Null: the caller gets 401. */
export function tooMany(counts: readonly WindowCount[]): { readonly retryAfterMs: number } | null {
  const over = counts.filter(({ count }) => count > accessLimits.failedAuthenticationsMax);
  return over.length === 0 ? null : { retryAfterMs: Math.max(...over.map(({ endsInMs }) => endsInMs)) };
}

export const tooManyFailures = (retryAfterMs: number): Failure =>
  new Failure(
    'rate_limited',
    'Too many requests failed with this API key or from this address. A valid API key is still accepted.',
    {
      code: 'too_many_failed_authentications',
      retryAfterMs,
    },
  );
