// Whose turn it is among tenants that have work in one tier: one after the other, so that a
// tenant's flood does not stand before another's one-time code (P10). Both queues choose by this,
// from what they have at hand; `tier-turns.ts` does it among tiers.

/**
 * First in, first out per tenant, tenant by tenant. Meant for a window's worth per tenant: `shift`
 * moves what is left of one tenant.
 */
export class TenantTurns<T> {
  /** In the order of their turns; none is empty. */
  readonly #lanes = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(tenant: string, item: T): void {
    const lane = this.#lanes.get(tenant);
    if (lane === undefined) this.#lanes.set(tenant, [item]);
    else lane.push(item);
    this.#size += 1;
  }

  shift(): T | undefined {
    for (const [tenant, lane] of this.#lanes) {
      const item = lane.shift();
      this.#size -= 1;
      // a lane alone keeps its turn: nothing is to be moved
      if (lane.length > 0 && this.#lanes.size === 1) return item;
      this.#lanes.delete(tenant);
      if (lane.length > 0) this.#lanes.set(tenant, lane);
      return item;
    }
    return undefined;
  }
}
