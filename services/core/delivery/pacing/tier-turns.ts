// Whose turn it is among tiers that have work: 6 of 10 starts for high, 3 for normal, 1 for bulk,
// so that no tier starves (P10). Both queues choose by this, so the shares are the same in one
// process and in a cluster.

import { type Tier, tiers } from '../message.ts';

export const tierShares: Readonly<Record<Tier, number>> = { high: 6, normal: 3, bulk: 1 };

/**
 * Smooth weighted turns: each tier that has work saves up its share, and the richest pays for a
 * turn. Turns of a tier come evenly spread, not in blocks, and a tier without work saves nothing,
 * so it cannot come back and take many turns in a row.
 */
export class TierTurns {
  readonly #credit: Record<Tier, number> = { high: 0, normal: 0, bulk: 0 };

  /** The tier whose turn it is; null when none has work. */
  next(hasWork: (tier: Tier) => boolean): Tier | null {
    let richest: Tier | null = null;
    let sum = 0;
    for (const tier of tiers) {
      if (!hasWork(tier)) {
        this.#credit[tier] = 0;
        continue;
      }
      this.#credit[tier] += tierShares[tier];
      sum += tierShares[tier];
      if (richest === null || this.#credit[tier] > this.#credit[richest]) richest = tier;
    }
    if (richest !== null) this.#credit[richest] -= sum;
    return richest;
  }
}
