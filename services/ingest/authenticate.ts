// From the API key of a call to its principal. A key that fails is counted, and may be refused with
// 429. `key-cache.ts` judges the key, `failed-authentications.ts` counts.

import type { Principal } from '../core/access/principal.ts';
import type { FailedAuthentications } from './failed-authentications.ts';
import { AuthenticationFailure, type KeyCache } from './key-cache.ts';

/** The API key of a call, and the address of the caller. */
export interface PresentedCredential {
  /** The API key as presented. */
  readonly credential: string;
  /** IP address of the client; empty: unknown. */
  readonly address: string;
}

/**
 * Returns the principal of a call. Throws `unauthenticated`, `rate_limited` after too many
 * failures, or a failure of the store.
 */
export async function authenticateCaller(
  {
    keyCache,
    failedAuthentications,
  }: { readonly keyCache: KeyCache; readonly failedAuthentications: FailedAuthentications },
  { credential, address }: PresentedCredential,
): Promise<Principal> {
  try {
    return await keyCache.authenticate(credential);
  } catch (error) {
    throw await counted(failedAuthentications, error, address);
  }
}

/**
 * Returns the error to throw instead: a failed authentication is counted, and may become
 * `rate_limited`; any other error is returned as it is. Never rejects.
 */
export const counted = async (
  failedAuthentications: Pick<FailedAuthentications, 'refusal'>,
  error: unknown,
  address: string,
): Promise<unknown> =>
  error instanceof AuthenticationFailure ? failedAuthentications.refusal(error, address) : error;
