// The token buckets of one process. No other process shares them, so no tokens are reserved ahead.

import {
  type Bucket,
  fullBucket,
  fullInMs,
  nextTokenMs,
  putBack,
  take,
  tokensIn,
} from '../../core/delivery/pacing/bucket.ts';
import { budgetsLimits } from '../../core/limits/budgets.ts';
import type { Budget, Budgets, Reservation } from '../../ports/budgets.ts';
import type { Clock } from '../../ports/clock.ts';

export class MemoryBudgets implements Budgets {
  readonly #clock: Clock;
  /**
   * By name and window, because a level is stored as a part of the window. The least recently used
   * bucket is first.
   */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async reserve(
    asks: readonly { readonly budget: Budget; readonly tokens: number }[],
  ): Promise<readonly Reservation[]> {
    return asks.map(({ budget, tokens }) => this.#reserve(budget, tokens));
  }

  async putBack(budget: Budget, tokens: number): Promise<void> {
    const key = keyOf(budget);
    const bucket = this.#buckets.get(key);
    if (bucket !== undefined) this.#keep(key, putBack(bucket, budget, tokens, this.#clock.monotonic()));
  }

  async check(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #reserve(budget: Budget, tokens: number): Reservation {
    const key = keyOf(budget);
    const now = this.#clock.monotonic();
    const { granted, bucket } = take(this.#buckets.get(key) ?? fullBucket(budget, now), budget, tokens, now);
    this.#keep(key, bucket);
    return {
      granted,
      waitMs: granted === tokens ? 0 : nextTokenMs(bucket, budget),
      limit: budget.limit,
      remaining: tokensIn(bucket, budget),
      resetAt: this.#clock.now() + fullInMs(bucket, budget),
    };
  }

  #keep(key: string, bucket: Bucket): void {
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size <= budgetsLimits.budgetsMax) return;
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

const keyOf = ({ windowMs, name }: Budget): string => `${windowMs} ${name}`;
