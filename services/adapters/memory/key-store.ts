// The API keys of tests and of the simulation, in a map.

import type { ApiKey, KeyStore } from '../../ports/key-store.ts';

export class MemoryKeyStore implements KeyStore {
  readonly #keys = new Map<string, ApiKey>();

  async add(key: ApiKey): Promise<boolean> {
    if (this.#keys.has(key.id)) return false;
    this.#keys.set(key.id, key);
    return true;
  }

  async find(id: string): Promise<ApiKey | null> {
    return this.#keys.get(id) ?? null;
  }

  async list(tenant: string): Promise<readonly ApiKey[]> {
    return [...this.#keys.values()]
      .filter((key) => key.tenant === tenant)
      .toSorted((a, b) => b.createdAt - a.createdAt);
  }

  async revoke(tenant: string, id: string, at: number): Promise<boolean> {
    const key = this.#keys.get(id);
    if (key === undefined || key.tenant !== tenant) return false;
    this.#keys.set(id, { ...key, revokedAt: key.revokedAt ?? at });
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
