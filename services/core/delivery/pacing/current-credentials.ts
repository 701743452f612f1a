// The credentials for a login that begins now. A delivery keeps the route that it was planned with,
// for hours if it has to wait for a connection, and an access token may expire in that time.

import type { CatalogSnapshot, Route, RouteCredentials } from '../../catalog/catalog.ts';
import { routeDigest } from './route-digest.ts';

/**
 * The token that the catalog has now for the same route of the same sender. The route's own
 * credentials when they are a password, which is part of the route's identity, and when the catalog
 * no longer has the route.
 */
export function currentCredentials(
  catalog: Pick<CatalogSnapshot, 'sender'>,
  route: Route,
): RouteCredentials | null {
  const { credentials } = route;
  if (credentials?.accessToken === undefined) return credentials;
  const digest = routeDigest(route);
  const routes = catalog.sender(credentials.tenant, credentials.sender)?.routes ?? [];
  return routes.find((current) => routeDigest(current) === digest)?.credentials ?? credentials;
}
