// DNS queries. A port, because `node:dns` returns neither the TTL of an answer nor whether the
// answer was validated.

/** The records of a name. None: the name does not exist, or has no record of that type. */
export interface DnsResult<R> {
  readonly records: readonly R[];
  /** How long the answer may be cached, also a negative one. */
  readonly ttlMs: number;
  /**
   * The DNS server reports that it validated the answer (DNSSEC). Only as trustworthy as the
   * network path to that server.
   */
  readonly isAuthenticated: boolean;
}

/**
 * All calls reject with `Failure('unavailable')` when no DNS server gives a usable answer within
 * `dnsLimits.dnsMs`.
 */
export interface Resolver extends AsyncDisposable {
  /** The strings of each record joined. */
  txt(name: string): Promise<DnsResult<string>>;
  mx(name: string): Promise<DnsResult<{ readonly preference: number; readonly exchange: string }>>;
  /** IPv4 and IPv6. Will be called by delivery to the MX hosts of a recipient's domain. */
  addresses(name: string): Promise<DnsResult<string>>;
}
