// Which addresses Packetboat may open a connection to when somebody else named the host (relay of a
// Sender, webhook, MX): the rule against SSRF, S7. It judges one literal address; whoever dials
// asks for each address at each dial, and connects to that very address.

import ipaddr from 'ipaddr.js';

/** One range of addresses that is allowed although it is not public. Only `parseCidr` makes one. */
export interface Cidr {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
}

/**
 * Reads `10.0.0.0/8` or `fd00::/8`; a bare address is that one address. Null when it is neither.
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
 * True for a public unicast address, and for one that lies in `allowed`. What is no address is not
 * dialable.
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
 * 2000::/3 is all that IANA gives out; ipaddr.js also calls the rest unicast, IPv4-compatible
 * `::127.0.0.1` among it.
 */
const globalUnicast = (address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  address.match(ipaddr.parse('2000::'), 3);

/** ipaddr.js also reads `127.1`, `0x7f.1` and `2130706433`; an address has one spelling here. */
const isWhole = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
