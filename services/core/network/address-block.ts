// Which clients count as one by their IP address. A household or a server is usually given a whole
// IPv6 /64, so its 2^64 addresses count as one.

import ipaddr from 'ipaddr.js';

/**
 * `192.0.2.7` for an IPv4 address (also when it is written as IPv6), `2001:db8:0:1::/64` for an
 * IPv6 one; null for anything else.
 */
export function addressBlock(text: string): string | null {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`;
}
