// Asking DNS. `node:dns` tells neither how long an answer holds nor whether it was validated, so
// this is a port of its own.

/** What is there under a name. No records: there is no such name, or no record of that type. */
export interface DnsResult<R> {
  readonly records: readonly R[];
  /** How long the answer holds, the negative one too. */
  readonly ttlMs: number;
  /**
   * The server says that it has validated the answer (DNSSEC). Worth as much as the way to that
   * server.
   */
  readonly isAuthenticated: boolean;
}

/**
 * All calls reject with `Failure('unavailable')` when no server answers within `dnsLimits.dnsMs`,
 * or none of them can.
 */
export interface Resolver extends AsyncDisposable {
  /** The strings of each record joined. */
  txt(name: string): Promise<DnsResult<string>>;
  mx(name: string): Promise<DnsResult<{ readonly preference: number; readonly exchange: string }>>;
  /** IPv4 and IPv6. */
  addresses(name: string): Promise<DnsResult<string>>;
}
