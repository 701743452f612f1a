// The store's clock: what is due, and for how long an idempotency key or a lease is held, is judged
// by this clock and not by the clock of a process.

export interface StoreClock {
  /** Milliseconds since 1970. Never blocks. */
  now(): number;
}
