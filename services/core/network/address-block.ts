// Groups IP addresses that belong to one client. A household or a server usually has a whole IPv6
// /64, so the 2^64 addresses of a /64 count as one client.

import ipaddr from 'ipaddr.js';

/**
 * Returns `192.0.2.7` for an IPv4 address, also if written as IPv6, and `2001:db8:0:1::/64` for an
 * IPv6 address. Null if `text` is not an address.
 */
export function addressBlock(text: string): string | null {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`;
}
