// What the headers of a request say: who asks, under which idempotency key, and as a part of which
// trace.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { keyTextOf } from '../../services/core/access/key-text.ts';
import { isTraceparent } from '../../services/core/trace.ts';

/**
 * Visible ASCII, far longer than any key of ours; anything else is no key, and must not get as far
 * as a header of ours.
 */
const CREDENTIAL = /^[\x21-\x7e]{1,512}$/;

/**
 * Of `Authorization: Bearer …` or `X-Api-Token: …`; empty when neither is there or can be one.
 * Whether it is any good, ingest says.
 */
export function credentialOf(headers: IncomingHttpHeaders): string {
  const credential = keyTextOf(headers.authorization ?? '', first(headers['x-api-token']));
  return CREDENTIAL.test(credential) ? credential : '';
}

/** The client waits for `100 Continue` before it sends its body. */
export const isExpecting = ({ expect }: IncomingHttpHeaders): boolean =>
  expect?.trim().toLowerCase() === '100-continue';

/** The body is not as it is: compressed, for example. */
export const hasContentEncoding = (headers: IncomingHttpHeaders): boolean =>
  !/^(?:identity)?$/i.test(headers['content-encoding']?.trim() ?? '');

/**
 * Of both headers, all that were given; those inside a body's `headers` are found by ingest, which
 * also compares them.
 */
export function idempotencyKeysOf({ headersDistinct }: Pick<IncomingMessage, 'headersDistinct'>): string[] {
  return ['idempotency-key', 'x-idempotency-key'].flatMap((name) => headersDistinct[name] ?? []);
}

/** W3C `traceparent`, or empty. */
export function traceparentOf(headers: IncomingHttpHeaders): string {
  const traceparent = first(headers.traceparent);
  return isTraceparent(traceparent) ? traceparent : '';
}

const first = (value: string | string[] | undefined): string =>
  (Array.isArray(value) ? value[0] : value) ?? '';
