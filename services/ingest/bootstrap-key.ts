// The first API key: of the user's own making (`PACKETBOAT_BOOTSTRAP_KEY`), or in embedded mode one of ours. Made only while there is no key at all,
// so that a setting forgotten in a manifest does not bring a revoked key back.

import { readKey } from '../core/api-key.ts';
import { Failure } from '../core/failure.ts';
import { limits } from '../core/limits.ts';
import { scopes } from '../core/principal.ts';
import type { KeyStore } from '../ports/key-store.ts';

/** Answers whether the key is there now. Several instances may do this at once. Throws `Failure('invalid')` for a text that is no key. */
export async function ensureFirstKey(keys: KeyStore, text: string, now: number, tenant = 'default'): Promise<boolean> {
  const presented = readKey(text);
  if (presented === null) throw new Failure('invalid', 'this is not an API key');
  if (await keys.isEmpty()) {
    await keys.add({
      id: presented.id,
      tenant,
      name: 'bootstrap',
      secretHash: presented.secretHash,
      scopes,
      environment: 'live',
      senders: [],
      requestsPerMinute: limits.requestsPerMinuteDefault,
      expiresAt: null,
      revokedAt: null,
      createdAt: now,
    });
  }
  return (await keys.find(presented.id))?.secretHash === presented.secretHash;
}
