// Addresses that must not be sent to. The store never sees one: entries are keyed by an HMAC of the
// address (core/access/suppression.ts).

export interface Suppression {
  readonly tenant: string;
  /** Which mail is meant: `all`. */
  readonly scope: string;
  /** `<key id>:<hex HMAC-SHA-256 of the canonical address>`. */
  readonly hash: string;
  /** A word: `user_unsubscribed`, `hard_bounce`, `complaint`, `manual`. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface SuppressionStore extends AsyncDisposable {
  /**
   * Adds it unless (tenant, scope, hash) is there. Durable when it resolves. Answers what is
   * stored, and whether this call created it.
   */
  add(suppression: Suppression): Promise<{ readonly suppression: Suppression; readonly created: boolean }>;

  /**
   * The first entry found under any of these hashes (one address under each key of a rotation), or
   * null.
   */
  find(tenant: string, scope: string, hashes: readonly string[]): Promise<Suppression | null>;

  /** Which of these hashes are suppressed. Sees every `add` that was answered before the call. */
  matches(tenant: string, scope: string, hashes: readonly string[]): Promise<ReadonlySet<string>>;

  /** False: it was not there. */
  remove(tenant: string, scope: string, hash: string): Promise<boolean>;
}
