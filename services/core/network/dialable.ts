// Which addresses Packetboat may connect to when a tenant named the host (relay of a Sender,
// webhook, MX): the rule against SSRF (S7). The rule checks one literal address. A program that
// connects resolves the name itself, checks each address each time and connects to exactly the
// checked address.

import ipaddr from 'ipaddr.js';

/** A range of addresses that is allowed although it is not public. `parseCidr` makes it. */
export interface Cidr {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
}

/**
 * Parses `10.0.0.0/8` or `fd00::/8`; a bare address is a range of one. Null if `text` is neither.
 */
export function parseCidr(text: string): Cidr | null {
  if (isWhole(text)) {
    const address = ipaddr.process(text);
    return { address, bits: address.kind() === 'ipv4' ? 32 : 128 };
  }
  if (!isWhole(text.split('/')[0] ?? '') || !ipaddr.isValidCIDR(text)) return null;
  const [address, bits] = ipaddr.parseCIDR(text);
  return { address, bits };
}

/**
 * True if `text` is a public unicast address or lies in one of the `allowed` ranges. False if it is
 * not an address.
 */
export function isDialable(text: string, allowed: readonly Cidr[]): boolean {
  if (!isWhole(text)) return false;
  // `process` turns ::ffff:127.0.0.1 into the IPv4 address that the kernel would connect to.
  const address = ipaddr.process(text);
  if (
    allowed.some((cidr) => cidr.address.kind() === address.kind() && address.match(cidr.address, cidr.bits))
  )
    return true;
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || globalUnicast(address));
}

/**
 * IANA assigns addresses in 2000::/3 only. ipaddr.js also calls other addresses unicast, for
 * example the IPv4-compatible `::127.0.0.1`.
 */
const globalUnicast = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  address.match(ipaddr.parse('2000::'), 3);

/** ipaddr.js also accepts `127.1`, `0x7f.1` and `2130706433`. Here an address has one spelling. */
const isWhole = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
