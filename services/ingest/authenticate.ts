// From a presented API key to a principal. Keys are cached for some seconds, unknown ones too, so a revoked key stops working within
// `limits.keyCacheMs` and a flood of wrong keys costs the store one read each at most.

import { isSameSecret, readKey } from '../core/api-key.ts';
import { Failure } from '../core/failure.ts';
import { limits } from '../core/limits.ts';
import type { Principal } from '../core/principal.ts';
import type { Clock } from '../ports/clock.ts';
import type { ApiKey, KeyStore } from '../ports/key-store.ts';

interface Cached {
  readonly key: Promise<ApiKey | null>;
  readonly until: number;
}

const refuse = (message: string): Failure => new Failure('unauthenticated', message);

export class KeyCache {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  readonly #cached = new Map<string, Cached>();

  constructor(keys: KeyStore, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Throws `unauthenticated` for a missing, malformed, unknown, revoked or expired key; the message never repeats it. */
  async authenticate(credential: string): Promise<Principal> {
    if (credential === '') throw refuse('An API key is needed: Authorization: Bearer sk_live_…');
    const presented = readKey(credential);
    if (presented === null) throw refuse('This is not an API key.');
    const key = await this.#find(presented.id);
    if (key === null || !isSameSecret(key.secretHash, presented.secretHash)) throw refuse('This API key is not known.');
    if (key.revokedAt !== null) throw refuse('This API key was revoked.');
    if (key.expiresAt !== null && key.expiresAt <= this.#clock.now()) throw refuse('This API key has expired.');
    return {
      kind: 'key',
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
    this.#cached.delete(id);
  }

  #find(id: string): Promise<ApiKey | null> {
    const now = this.#clock.monotonic();
    const cached = this.#cached.get(id);
    if (cached !== undefined && cached.until > now) return cached.key;
    this.#cached.delete(id);
    const [oldest] = this.#cached.keys();
    if (this.#cached.size >= limits.keyCacheMax && oldest !== undefined) this.#cached.delete(oldest);
    const key = this.#keys.find(id);
    // a failed read is not remembered; whoever awaits `key` sees the failure
    key.catch(() => this.#cached.delete(id));
    this.#cached.set(id, { key, until: now + limits.keyCacheMs });
    return key;
  }
}
