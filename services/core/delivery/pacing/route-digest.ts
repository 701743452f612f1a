// The route digest: the key under which connections are kept and pauses of a route remembered. A
// digest, because a password must not be part of a key.

import { createHash } from 'node:crypto';
import type { Route } from '../../catalog/catalog.ts';

/** Digests by route. Routes never change, and each message asks for a digest. */
const known = new WeakMap<Route, string>();

/**
 * The SHA-256, in base64, of the route's server, TLS policy, credentials and CA. Routes with equal
 * values have equal digests, whatever their names and senders.
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
