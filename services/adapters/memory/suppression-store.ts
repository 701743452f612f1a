// The suppressions of tests and of the simulation, in a map.

import type { Suppression, SuppressionStore } from '../../ports/suppression-store.ts';

export class MemorySuppressionStore implements SuppressionStore {
  readonly #entries = new Map<string, Suppression>();

  async add(
    suppression: Suppression,
  ): Promise<{ readonly suppression: Suppression; readonly created: boolean }> {
    const name = nameOf(suppression.tenant, suppression.scope, suppression.hash);
    const known = this.#entries.get(name);
    if (known !== undefined) return { suppression: known, created: false };
    this.#entries.set(name, suppression);
    return { suppression, created: true };
  }

  async find(tenant: string, scope: string, hashes: readonly string[]): Promise<Suppression | null> {
    for (const hash of hashes) {
      const known = this.#entries.get(nameOf(tenant, scope, hash));
      if (known !== undefined) return known;
    }
    return null;
  }

  async matches(tenant: string, scope: string, hashes: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(hashes.filter((hash) => this.#entries.has(nameOf(tenant, scope, hash))));
  }

  async remove(tenant: string, scope: string, hash: string): Promise<boolean> {
    return this.#entries.delete(nameOf(tenant, scope, hash));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const nameOf = (...parts: readonly string[]): string => JSON.stringify(parts);
