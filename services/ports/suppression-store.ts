// Suppressions: addresses that must not be sent to. The store never sees an address: an entry is
// keyed by an HMAC of the address (core/access/suppression.ts).

export interface Suppression {
  readonly tenant: string;
  /** The mail that the suppression covers: `all`. */
  readonly scope: string;
  /** `<key id>:<hex HMAC-SHA-256 of the canonical address>`. */
  readonly hash: string;
  /** For example `user_unsubscribed`, `hard_bounce`, `complaint`, `manual`. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface SuppressionStore extends AsyncDisposable {
  /**
   * Adds the suppression unless there is one with its tenant, scope and hash. Durable when it
   * resolves. Returns the stored suppression, and whether this call created it.
   */
  add(suppression: Suppression): Promise<{ readonly suppression: Suppression; readonly created: boolean }>;

  /**
   * The entry under the first of these hashes that has one, or null. The hashes are those of one
   * address under each key of a rotation.
   */
  find(tenant: string, scope: string, hashes: readonly string[]): Promise<Suppression | null>;

  /** The hashes that are suppressed. Sees every `add` that resolved before this call. */
  matches(tenant: string, scope: string, hashes: readonly string[]): Promise<ReadonlySet<string>>;

  /**
   * Returns whether there was such a suppression. Will be called by the rpc that deletes
   * suppressions.
   */
  remove(tenant: string, scope: string, hash: string): Promise<boolean>;
}
