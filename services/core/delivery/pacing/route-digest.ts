// Identifies a route: connections are kept by its digest, and pauses too. A digest, because no
// password may become part of a key.

import { createHash } from 'node:crypto';
import type { Route } from '../../catalog/catalog.ts';

/** Routes are immutable, and each delivery asks for the digest of its route. */
const known = new WeakMap<Route, string>();

/**
 * The same for all routes that lead to the same server with the same TLS policy and the same login,
 * whatever their names and owners are.
 *
 * An access token changes every hour. The digest of its route has the owner of the token, the name
 * of the route and the user name instead, so connections and pauses survive a new token, and no
 * other tenant can use the connections.
 */
export function routeDigest(route: Route): string {
  const { host, port, tls, ca } = route;
  const digest =
    known.get(route) ??
    createHash('sha256')
      .update(JSON.stringify([host, port, tls, loginOf(route), ca]))
      .digest('base64');
  known.set(route, digest);
  return digest;
}

function loginOf({ name, credentials }: Route): unknown {
  if (credentials?.accessToken === undefined) return credentials;
  const { tenant, sender, username } = credentials;
  return { tenant, sender, route: name, username };
}
