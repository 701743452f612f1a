// API keys. The secret is never stored, only its SHA-256.

import type { Environment } from '../core/catalog/catalog.ts';

export interface ApiKey {
  /** Public part: stands in the key itself, in logs and in answers. */
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  /** SHA-256 of the whole key, hex. */
  readonly secretHash: string;
  readonly scopes: readonly string[];
  /** Default and ceiling. */
  readonly environment: Environment;
  /** Names of the senders it may use; empty: all of the tenant. The first is its default. */
  readonly senders: readonly string[];
  readonly requestsPerMinute: number;
  /** Milliseconds since 1970, or null. */
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly createdAt: number;
  /** Id of the key that made it; null for a key that a start made. */
  readonly createdBy: string | null;
}

export interface KeyStore extends AsyncDisposable {
  /** False: there is a key with this id already; nothing was changed. */
  add(key: ApiKey): Promise<boolean>;
  find(id: string): Promise<ApiKey | null>;
  /** Newest first. */
  list(tenant: string): Promise<readonly ApiKey[]>;
  /** False: no such key of this tenant. Revoking twice keeps the first time. */
  revoke(tenant: string, id: string, at: number): Promise<boolean>;
}
