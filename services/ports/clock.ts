// The clock of this process. The store's clock (`store-clock.ts`) decides what is due.

export interface Clock {
  /** Milliseconds since 1970; may jump. */
  now(): number;
  /**
   * Milliseconds since an arbitrary start; never goes back. For leases and timeouts. On Linux this
   * clock and all sleeps stop while the machine is suspended.
   */
  monotonic(): number;
  /**
   * Milliseconds since the machine started, including the time for which it was suspended. May be
   * exact to a second only.
   */
  uptime(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
