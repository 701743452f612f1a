// The address of a DNS server in settings and in resolv.conf.

import ipaddr from 'ipaddr.js';

export interface DnsServer {
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;

/**
 * Parses `host`, `host:port`, an IPv6 address, or `[IPv6]:port`; the port is 53 if missing. Null if
 * `text` is none of these.
 */
export function readDnsServer(text: string): DnsServer | null {
  if (ipaddr.isValid(text)) return { host: text, port: DNS_PORT };
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined || Number(port ?? 0) > 65_535 ? null : { host, port: Number(port ?? DNS_PORT) };
}
