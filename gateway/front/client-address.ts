// The IP address of the client. Clients can send any header, so the gateway uses `Forwarded` (RFC
// 7239) and `X-Forwarded-For` only from trusted proxies, and only the part that trusted proxies
// added: from the right, up to the first address that is not a trusted proxy.

import type { IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import type { Config } from '../../services/runtime/config.ts';
import { forwardedFor } from './forwarded.ts';

export type TrustedProxies = NonNullable<Config<'gateway'>['trustedProxies']>;

/** The parts of a request that name its origin. */
interface Hops {
  /** The other end of the connection. */
  readonly peer: string;
  /** The values of all headers of this name, in the order of the request. */
  readonly forwarded: readonly string[];
  readonly xForwardedFor: readonly string[];
}

/**
 * Returns an IPv4 or IPv6 address in its shortest form; empty if the peer is not an address.
 *
 * If the peer is not a trusted proxy, returns the peer. Otherwise returns the rightmost address of
 * the chain that is not a trusted proxy. If a proxy names no address (`unknown`, an obfuscated
 * name, invalid text), returns the address of that proxy. If a request has both headers and they
 * lead to different addresses, returns the peer: most proxies write one header and pass the other
 * on as the client sent it.
 */
export function clientAddress({ peer, forwarded, xForwardedFor }: Hops, proxies: TrustedProxies): string {
  const nearest = readAddress(peer);
  if (nearest === null) return '';
  if (!isWithin(nearest, proxies)) return nearest.toString();
  const chains = [forwarded.flatMap(forwardedFor), xForwardedFor.flatMap((line) => line.split(','))].filter(
    (chain) => chain.length > 0,
  );
  const [first, ...others] = chains.map((chain) => rightmostStranger(nearest, chain, proxies));
  return first === undefined || others.some((other) => other !== first) ? nearest.toString() : first;
}

/** Whether this is the address of a trusted proxy. */
export function isTrustedProxy(address: string, proxies: TrustedProxies): boolean {
  const read = readAddress(address);
  return read !== null && isWithin(read, proxies);
}

/** `clientAddress` for a request of Node. Headers are read only if a proxy is trusted. */
export function clientAddressFrom(proxies: TrustedProxies = []): (request: IncomingMessage) => string {
  return (request) => {
    const peer = request.socket.remoteAddress ?? '';
    if (proxies.length === 0) return peer;
    const { forwarded = [], 'x-forwarded-for': xForwardedFor = [] } = request.headersDistinct;
    return clientAddress({ peer, forwarded, xForwardedFor }, proxies);
  };
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

function rightmostStranger(
  nearest: Address,
  chain: readonly (string | null)[],
  proxies: TrustedProxies,
): string {
  let known = nearest;
  for (const node of chain.toReversed()) {
    const address = node === null ? null : readNode(node);
    if (address === null) break;
    known = address;
    if (!isWithin(address, proxies)) break;
  }
  return known.toString();
}

/**
 * `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]` or `[2001:db8::7]:4711`; null for
 * any other name of a node.
 */
function readNode(text: string): Address | null {
  const [, bracketed, plain] =
    /^(?:\[([0-9a-f:.]{2,45})\]|(\d[\d.]{6,14}))(?::(?:\d{1,5}|_[\w.-]{1,64}))?$/i.exec(text.trim()) ?? [];
  if (bracketed !== undefined) return ipaddr.IPv6.isValid(bracketed) ? readAddress(bracketed) : null;
  return readAddress(plain ?? text.trim());
}

/**
 * Null if the text is not a complete address: ipaddr.js also accepts `127.1` and `0x7f.1`. An IPv4
 * address written as IPv6 becomes IPv4.
 */
function readAddress(text: string): Address | null {
  const [address = ''] = text.split('%'); // a link-local address names its interface
  return ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address)
    ? ipaddr.process(address)
    : null;
}

const isWithin = (address: Address, proxies: TrustedProxies): boolean =>
  proxies.some(
    (range) => range.address.kind() === address.kind() && address.match(range.address, range.bits),
  );
