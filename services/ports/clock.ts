// The clock of this process. The store's clock (`store-clock.ts`) decides what is due.

export interface Clock {
  /** Milliseconds since 1970; may jump. */
  now(): number;
  /** Milliseconds since an arbitrary start; never goes back. For leases and timeouts. */
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
