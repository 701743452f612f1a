// Weighted turns among the tiers with work: of 10 starts 6 go to high, 3 to normal and 1 to bulk,
// so that no tier starves (P10). Both queues use them, so one process and a cluster share alike.

import { type Tier, tiers } from '../message.ts';

const tierShares: Readonly<Record<Tier, number>> = { high: 6, normal: 3, bulk: 1 };

/**
 * Smooth weighted round robin. At each turn every tier with work earns its weight as credit, and
 * the tier with the most credit pays the sum for the turn. So the turns of a tier are spread
 * evenly. A tier without work earns nothing, so it cannot take many turns in a row later.
 */
export class TierTurns {
  readonly #credit: Record<Tier, number> = { high: 0, normal: 0, bulk: 0 };

  /** The tier of the next turn; null if no tier has work. */
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
