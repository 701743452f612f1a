// Which requests the inbox accepts. The inbox has no login, so a page on the internet must not
// reach it through a developer's browser: neither through a name that the page resolves to
// 127.0.0.1 (DNS rebinding) nor by requests across sites.

import type { IncomingHttpHeaders } from 'node:http';

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Returns a function that accepts a Host header by its name. Any port is accepted: an attacker
 * chooses the name, and ports differ behind tunnels and containers.
 */
export function knownHosts(configured: readonly string[]): (host: string | undefined) => boolean {
  const known = new Set([...LOOPBACK, ...configured].map(nameOf));
  return (host) => {
    const name = nameOf(host ?? '');
    return name !== null && known.has(name);
  };
}

function nameOf(host: string): string | null {
  return HOST.exec(host.toLowerCase())?.[1] ?? null;
}

/**
 * True if a browser says that another site made the request. Programs send no such header and are
 * accepted.
 */
export function isFromAnotherSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
