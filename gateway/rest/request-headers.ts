// Reads the headers of a request: API key, idempotency keys and traceparent.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { keyTextOf } from '../../services/core/access/key-text.ts';
import { isTraceparent } from '../../services/core/trace.ts';

/**
 * Visible ASCII, longer than any API key. Any other text is not a key and must not become a header
 * of a call to ingest.
 */
const CREDENTIAL = /^[\x21-\x7e]{1,512}$/;

/**
 * The API key in `Authorization: Bearer …` or `X-Api-Token: …`; empty when neither header has a
 * possible key. Ingest judges whether the key is valid.
 */
export function credentialOf(headers: IncomingHttpHeaders): string {
  const credential = keyTextOf(headers.authorization ?? '', first(headers['x-api-token']));
  return CREDENTIAL.test(credential) ? credential : '';
}

/** Whether the client waits for `100 Continue` before it sends its body. */
export const isExpecting = ({ expect }: IncomingHttpHeaders): boolean =>
  expect?.trim().toLowerCase() === '100-continue';

/**
 * Returns the idempotency keys in all headers of both names. Ingest also reads the `headers` in the
 * body, and rejects keys that differ.
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
