// API keys. Only the SHA-256 of a key is stored, never the key.

import type { Environment } from '../core/catalog/catalog.ts';

export interface ApiKey {
  /** The public part of the key, which logs and responses may contain. */
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  /** SHA-256 of the whole key, hex. */
  readonly secretHash: string;
  readonly scopes: readonly string[];
  /** The environment of a call that names none, and the highest that a call may name. */
  readonly environment: Environment;
  /** The senders that the key may use; empty: all of the tenant. The first is the default. */
  readonly senders: readonly string[];
  readonly requestsPerMinute: number;
  /** Milliseconds since 1970, or null. */
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly createdAt: number;
  /** Id of the key that created this one; null for a key that a program created at its start. */
  readonly createdBy: string | null;
}

export interface KeyStore extends AsyncDisposable {
  /** Adds a key. False: a key with this id already exists; nothing was changed. */
  add(key: ApiKey): Promise<boolean>;
  find(id: string): Promise<ApiKey | null>;
  /** Newest first. */
  list(tenant: string): Promise<readonly ApiKey[]>;
  /** False: this tenant has no such key. A second revocation keeps the time of the first. */
  revoke(tenant: string, id: string, at: number): Promise<boolean>;
}
