// What tells two routes apart: connections are kept by it, and faults of a route remembered. A
// digest, since a password has no business in a key.

import { createHash } from 'node:crypto';
import type { Route } from '../../catalog/catalog.ts';

/** Routes are immutable and asked about for each message. */
const known = new WeakMap<Route, string>();

/**
 * The same for routes that lead to the same server in the same way, whatever they are called and
 * whoever has them.
 */
export function routeDigest(route: Route): string {
  const { host, port, tls, credentials, ca } = route;
  const digest =
    known.get(route) ??
    createHash('sha256')
      .update(JSON.stringify([host, port, tls, credentials, ca]))
      .digest('base64');
  known.set(route, digest);
  return digest;
}
