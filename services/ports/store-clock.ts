// The store's clock. It decides what is due, and how long an idempotency key or a lease is valid;
// the clock of a process does not.

export interface StoreClock {
  /** Milliseconds since 1970. Never blocks. */
  now(): number;
}
