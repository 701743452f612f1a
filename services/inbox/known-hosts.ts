// Who may ask the inbox. It has no login, so a page on the internet must not get at it through the
// reader's own browser: neither under a name of its own that it lets resolve to 127.0.0.1 (DNS
// rebinding), nor by sending a request across sites.

import type { IncomingHttpHeaders } from 'node:http';

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Judges Host headers by name; any port will do, for what an attacker can choose is the name, and
 * ports differ behind tunnels and containers.
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
 * True when a browser says that another site than the inbox itself asked. Programs say nothing and
 * are welcome.
 */
export function isFromAnotherSite(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  const { origin, host } = headers;
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
