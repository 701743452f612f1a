// What a seed decides. One stream of numbers for a whole world, drawn in the order in which things
// happen, so a seed is a run.

import { SeededRandom } from '../../services/adapters/memory/random.ts';

export class Chance extends SeededRandom {
  happens(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  pick<T>(from: readonly [T, ...T[]]): T {
    return from[Math.floor(this.fraction() * from.length)] ?? from[0];
  }
}
