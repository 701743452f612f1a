// Authenticates an API key and returns its principal. Keys and unknown ids are cached for
// `accessLimits.keyCacheMs`: a revoked key stops working within that time, and a wrong key causes
// one read of the store in that time. The two caches are separate, so that many wrong keys do not
// evict good ones.

import { isSameSecret, readKey } from '../core/access/api-key.ts';
import type { FailureReason } from '../core/access/failure-rules.ts';
import { faultOfKey } from '../core/access/key-life.ts';
import { keyTextFaults } from '../core/access/key-text.ts';
import type { Principal } from '../core/access/principal.ts';
import { BoundedMap } from '../core/bounded-map.ts';
import { Failure } from '../core/failure.ts';
import { accessLimits } from '../core/limits/access.ts';
import type { Clock } from '../ports/clock.ts';
import type { ApiKey, KeyStore } from '../ports/key-store.ts';

interface Cached {
  readonly key: Promise<ApiKey | null>;
  readonly until: number;
}

/**
 * The reason why a key was refused. `keyId` is null if the text does not have the form of a key.
 * The message never contains the text.
 */
export class AuthenticationFailure extends Failure {
  readonly reason: FailureReason;
  readonly keyId: string | null;

  constructor(reason: FailureReason, keyId: string | null, message: string) {
    super('unauthenticated', message);
    this.reason = reason;
    this.keyId = keyId;
  }
}

/**
 * Messages for the caller. An unknown id and a wrong secret have the same message, so that
 * callers cannot find out which ids exist.
 */
export const keyFaults = {
  unknown: 'This API key is not known.',
  wrong_secret: 'This API key is not known.',
  revoked: 'This API key was revoked.',
  expired: 'This API key has expired.',
} as const;

export class KeyCache {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  /** Keys in the store. */
  readonly #known = new BoundedMap<string, Cached>(accessLimits.keyCacheMax);
  /** Ids that are not in the store, and ids that are still being read. */
  readonly #unknown = new BoundedMap<string, Cached>(accessLimits.keyCacheMax);

  constructor(keys: KeyStore, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /**
   * Throws an `AuthenticationFailure` for a missing, malformed, unknown, revoked or expired key,
   * and the store's own failures.
   */
  async authenticate(credential: string): Promise<Principal> {
    if (credential === '') throw new AuthenticationFailure('missing', null, keyTextFaults.missing);
    const presented = readKey(credential);
    if (presented === null) throw new AuthenticationFailure('malformed', null, keyTextFaults.malformed);
    const { id } = presented;
    const key = await this.#find(id);
    if (key === null) throw new AuthenticationFailure('unknown', id, keyFaults.unknown);
    if (!isSameSecret(key.secretHash, presented.secretHash))
      throw new AuthenticationFailure('wrong_secret', id, keyFaults.wrong_secret);
    const fault = faultOfKey(key, this.#clock.now());
    if (fault !== null) throw new AuthenticationFailure(fault, id, keyFaults[fault]);
    return {
      keyId: key.id,
      tenant: key.tenant,
      scopes: key.scopes,
      environment: key.environment,
      senders: key.senders,
      requestsPerMinute: key.requestsPerMinute,
      expiresAt: key.expiresAt,
    };
  }

  /** Forgets a key that this process has just changed. */
  forget(id: string): void {
    this.#known.delete(id);
    this.#unknown.delete(id);
  }

  #find(id: string): Promise<ApiKey | null> {
    const now = this.#clock.monotonic();
    const cached = this.#known.get(id) ?? this.#unknown.get(id);
    if (cached !== undefined && cached.until > now) return cached.key;
    this.forget(id);
    const looking: Cached = { key: this.#keys.find(id), until: now + accessLimits.keyCacheMs };
    this.#unknown.set(id, looking);
    looking.key.then(
      (key) => {
        if (key === null || this.#unknown.get(id) !== looking) return;
        this.#unknown.delete(id);
        this.#known.set(id, looking);
      },
      // A failed read is not cached. The caller that awaits `key` gets the failure.
      () => {
        if (this.#unknown.get(id) === looking) this.#unknown.delete(id);
      },
    );
    return looking.key;
  }
}
