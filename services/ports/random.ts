// Randomness, so that the core stays pure and a simulation can repeat a run.

export interface Random {
  /** Cryptographically strong outside of tests. */
  bytes(count: number): Uint8Array;
  /** In [0, 1). */
  fraction(): number;
}
