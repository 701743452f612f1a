// The extensions that a server offers in its reply to EHLO (RFC 5321 4.1.1.1), as far as a
// transaction needs them.

export interface Offers {
  /** RFC 2920: several commands may be written before the first reply. */
  readonly pipelining: boolean;
  /** RFC 6531. */
  readonly smtpUtf8: boolean;
  /** RFC 6152. */
  readonly eightBitMime: boolean;
  /** RFC 1870: MAIL may announce a size. */
  readonly size: boolean;
  /** The largest mail that the server takes, in bytes; null when it names no maximum. */
  readonly sizeMax: number | null;
}

/**
 * Reads the lines of a reply to EHLO without their codes and without the first one, which is the
 * server's name. HELO has no such lines.
 */
export function offersOf(lines: readonly string[]): Offers {
  const offered = new Map<string, string>();
  for (const line of lines) {
    const [keyword = '', ...parameters] = line.trim().split(/[ \t]+/);
    offered.set(keyword.toUpperCase(), parameters.join(' '));
  }
  const sizeMax = /^\d+$/.test(offered.get('SIZE') ?? '') ? Number(offered.get('SIZE')) : 0;
  return {
    pipelining: offered.has('PIPELINING'),
    smtpUtf8: offered.has('SMTPUTF8'),
    eightBitMime: offered.has('8BITMIME'),
    size: offered.has('SIZE'),
    sizeMax: sizeMax === 0 ? null : sizeMax, // 0 says that no maximum is in force
  };
}
