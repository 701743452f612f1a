// The headers for cross-origin requests from browsers: none without a list of origins. A page sends
// its key in a header that it sets itself, so credentials (cookies) are never allowed.

import type { IncomingHttpHeaders } from 'node:http';
import { doorLimits } from '../../services/core/limits/door.ts';

const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Traceparent',
  'X-Api-Token',
  'X-Idempotency-Key',
];
const EXPOSED_HEADERS = [
  'Allow',
  'Idempotent-Replayed',
  'Retry-After',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'X-Request-Id',
];

/**
 * Returns the headers of a response for cross-origin requests.
 * @param origins allowed origins, such as `https://app.example`
 * @param methods the methods of the path, if the request is an OPTIONS; for a preflight
 */
export function corsHeaders(
  origins: readonly string[],
  headers: IncomingHttpHeaders,
  methods?: readonly string[],
): Record<string, string> {
  if (origins.length === 0) return {};
  const isPreflight = methods !== undefined && headers['access-control-request-method'] !== undefined;
  // a cache must not return the response for one origin, or for none, to another origin
  const vary = {
    vary: isPreflight ? 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers' : 'Origin',
  };
  const { origin } = headers;
  if (origin === undefined || !origins.includes(origin)) return vary;
  return {
    ...vary,
    'access-control-allow-origin': origin,
    ...(isPreflight
      ? {
          'access-control-allow-methods': methods.join(', '),
          'access-control-allow-headers': REQUEST_HEADERS.join(', '),
          'access-control-max-age': String(doorLimits.corsMaxAgeSeconds),
        }
      : { 'access-control-expose-headers': EXPOSED_HEADERS.join(', ') }),
  };
}
