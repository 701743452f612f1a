// Token buckets: per API key, per sender, later per destination. Nothing in them must survive;
// losing them never closes and never opens a door wide.

/** A bucket of `burst` tokens that fills at `limit` tokens per `windowMs`. */
export interface Budget {
  /** For example `key/<id>` or `sender/<tenant>/<name>`. */
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
}

export interface Reservation {
  /** How many of the tokens asked for were granted, from 0. */
  readonly granted: number;
  /** Milliseconds until one more token is there; 0 when all were granted. */
  readonly waitMs: number;
  readonly limit: number;
  /** Tokens left in this bucket, as far as known here. */
  readonly remaining: number;
  /** Milliseconds since 1970 when the bucket is full again. */
  readonly resetAt: number;
}

export interface Budgets extends AsyncDisposable {
  /**
   * Takes up to `tokens` from each budget; answers in the order given, within
   * `budgetsLimits.budgetCallMs`, and never rejects. Tokens may be reserved ahead of need (at most
   * `budgetsLimits.budgetLeaseTokens`, and only a small part of the limit), so that most calls cost
   * nothing. When the server behind it is lost, buckets of this process serve, sized so that all
   * processes together stay within twice the limit (P15).
   */
  reserve(
    asks: readonly { readonly budget: Budget; readonly tokens: number }[],
  ): Promise<readonly Reservation[]>;

  /** Resolves when the shared buckets answer; rejects with the reason. For readiness. */
  check(): Promise<void>;
}
