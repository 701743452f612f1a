// What the headers of a request say: who asks, under which idempotency key, and as a part of which
// trace.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * Visible ASCII, far longer than any key of ours; anything else is no key, and must not get as far
 * as a header of ours.
 */
const CREDENTIAL = /^[\x21-\x7e]{1,512}$/;
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Of `Authorization: Bearer …` or `X-Api-Token: …`; empty when neither is there or can be one.
 * Whether it is any good, ingest says.
 */
export function credentialOf(headers: IncomingHttpHeaders): string {
  const [, bearer] = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  const credential = bearer ?? first(headers['x-api-token']);
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
  return TRACEPARENT.test(traceparent) ? traceparent : '';
}

const first = (value: string | string[] | undefined): string =>
  (Array.isArray(value) ? value[0] : value) ?? '';
