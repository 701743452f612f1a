// The offers in a server's reply to EHLO (RFC 5321 4.1.1.1) that a login and a transaction use.

export interface Offers {
  /** RFC 2920: the client may write several commands before it reads the first reply. */
  readonly pipelining: boolean;
  /** RFC 6531. */
  readonly smtpUtf8: boolean;
  /** RFC 6152. */
  readonly eightBitMime: boolean;
  /** RFC 1870: MAIL may announce a size. */
  readonly size: boolean;
  /** The largest mail that the server takes, in bytes; null when it names no maximum. */
  readonly sizeMax: number | null;
  /** SASL mechanisms in upper case, in the order of the server (RFC 4954); empty without AUTH. */
  readonly auth: readonly string[];
}

/**
 * Reads the lines of a reply to EHLO, without their codes and without the first line, which names
 * the server. A reply to HELO has no such lines.
 */
export function offersOf(lines: readonly string[]): Offers {
  const offered = new Map<string, string>();
  const mechanisms = new Set<string>();
  for (const line of lines) {
    const [keyword = '', ...parameters] = line
      .trim()
      .toUpperCase()
      .split(/[ \t]+/);
    offered.set(keyword, parameters.join(' '));
    // Servers older than RFC 2554 write "AUTH=LOGIN PLAIN", often beside the form of today.
    if (keyword === 'AUTH' || keyword.startsWith('AUTH='))
      for (const name of [keyword.slice('AUTH='.length), ...parameters])
        if (isMechanismName(name)) mechanisms.add(name);
  }
  const sizeMax = /^\d+$/.test(offered.get('SIZE') ?? '') ? Number(offered.get('SIZE')) : 0;
  return {
    pipelining: offered.has('PIPELINING'),
    smtpUtf8: offered.has('SMTPUTF8'),
    eightBitMime: offered.has('8BITMIME'),
    size: offered.has('SIZE'),
    sizeMax: sizeMax === 0 ? null : sizeMax, // RFC 1870: 0 says that no maximum is in force
    auth: [...mechanisms],
  };
}

/** RFC 4422 3.1. The names are shown to people, so nothing else of the line passes. */
const isMechanismName = (text: string): boolean => /^[A-Z0-9_-]{1,20}$/.test(text);
