// Round robin among the tenants with work in one tier, so that a one-time code of one tenant does
// not wait behind a flood of another's mail (P10). Both queues use it; `tier-turns.ts` shares turns
// among the tiers.

/**
 * One first-in, first-out lane for each tenant; tenants take turns. Intended for at most a window
 * of items per tenant, because `shift` moves the rest of one lane.
 */
export class TenantTurns<T> {
  /** In the order of their turns. No lane is empty. */
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
      // a tenant alone keeps the turn, which spares moving its lane
      if (lane.length > 0 && this.#lanes.size === 1) return item;
      this.#lanes.delete(tenant);
      if (lane.length > 0) this.#lanes.set(tenant, lane);
      return item;
    }
    return undefined;
  }
}
