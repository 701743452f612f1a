// The two ids that lead from an answer to the logs and to the trace of a request: the request id,
// which every door of the API returns, and the W3C `traceparent`. Callers and other programs write
// both, so both are read by a fixed pattern before they get into a log or a header.

declare const requestIdBrand: unique symbol;
/** `req_` and a UUID in lower case. */
export type RequestId = string & { readonly [requestIdBrand]: true };

const REQUEST_ID = /^req_[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** @param uuid random, in lower case, as `crypto.randomUUID` makes it */
export const requestIdOf = (uuid: string): RequestId => `req_${uuid}` as RequestId;

/**
 * Null: not a request id of ours. Ids of any other form are not taken over, so that no caller can
 * write a text of its own into the logs.
 */
export const parseRequestId = (text: string): RequestId | null =>
  REQUEST_ID.test(text) ? (text as RequestId) : null;

/** W3C Trace Context, version-traceid-parentid-flags; ids of zeros only are not valid. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Whether a text is a `traceparent`; only then may it become a header of another call. */
export const isTraceparent = (text: string): boolean => TRACEPARENT.test(text);

/** Random bytes that one traceparent takes: 16 of trace id, 8 of parent id. */
export const TRACEPARENT_RANDOM_BYTES = 24;

/** A new, sampled traceparent for a message whose caller sent none. */
export function makeTraceparent(random: Uint8Array): string {
  const hex = Buffer.from(random).toString('hex');
  return `00-${hex.slice(0, 32)}-${hex.slice(32, 48)}-01`;
}
