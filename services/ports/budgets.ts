// Token buckets: one per API key, per sender, and later per destination. While they are
// unreachable, each process limits separately, so callers are neither locked out nor unlimited.

/** A bucket of `burst` tokens that fills at `limit` tokens per `windowMs`. */
export interface Budget {
  /** For example `key/<id>` or `sender/<tenant>/<name>`. */
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
}

export interface Reservation {
  /** The number of requested tokens that were granted. */
  readonly granted: number;
  /** Milliseconds until the bucket has one more token; 0 when all were granted. */
  readonly waitMs: number;
  readonly limit: number;
  /** Tokens left in this bucket, as far as this process knows. */
  readonly remaining: number;
  /** Milliseconds since 1970 when the bucket is full again. */
  readonly resetAt: number;
}

export interface Budgets extends AsyncDisposable {
  /**
   * Takes up to `tokens` from each budget. Resolves within `budgetsLimits.budgetCallMs`, with one
   * reservation per request in the order given, and never rejects. An adapter may reserve tokens
   * ahead of need (at most `budgetsLimits.budgetLeaseTokens`, and only a small part of the limit),
   * so that most calls need no server. While the server is unreachable, each process uses its own
   * buckets, sized so that all processes together stay within twice the limit (P15).
   */
  reserve(
    asks: readonly { readonly budget: Budget; readonly tokens: number }[],
  ): Promise<readonly Reservation[]>;

  /**
   * Returns tokens that `reserve` granted and that the caller did not use, to a budget of this
   * name. Never rejects. While the server is unreachable, the tokens go back to the buckets of the
   * process.
   */
  putBack(budget: Budget, tokens: number): Promise<void>;

  /** Resolves when the shared buckets reply; rejects with the reason. For readiness. */
  check(): Promise<void>;
}
