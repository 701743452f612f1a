// The table from kinds of failure to gRPC codes, and the two encodings of a refusal: a `Refusal` in
// a response, and a status with details of google.rpc (described in
// gateway/ingest/ingest-client.ts).

import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import type { RateFigures, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type { Failure, FailureKind } from '../core/failure.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import type { RequestId } from '../core/trace.ts';
import type { RateLimitStatus } from './handle-call.ts';

const CODES: Readonly<Record<FailureKind, number>> = {
  invalid: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  not_found: status.NOT_FOUND,
  conflict: status.ABORTED,
  too_large: status.RESOURCE_EXHAUSTED,
  rate_limited: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  data_loss: status.DATA_LOSS,
  internal: status.INTERNAL,
};

/** Distinguishes refusals of ingest from errors of the gRPC library. */
const DOMAIN = 'packetboat.dev';

const codeOf = (kind: FailureKind): number => CODES[kind];

export const toRefusal = (failure: Failure): Refusal => ({
  grpc_code: codeOf(failure.kind),
  code: failure.code,
  message: failure.message,
  errors: failure.errors.map(({ field, code, message }) => ({ field, code, message })),
  retry_after_ms: Math.ceil(failure.retryAfterMs ?? 0),
  message_id: failure.messageId ?? '',
});

export const toRateFigures = (rate: RateLimitStatus): RateFigures | undefined =>
  rate === null
    ? undefined
    : { limit: rate.limit, remaining: rate.remaining, reset: Math.ceil(rate.resetAt / 1000) };

/** Request id and rate figures as trailing metadata, for responses and refusals. */
export function toTrailer(rate: RateLimitStatus, requestId: RequestId | null): Metadata {
  const trailer = new Metadata();
  if (requestId !== null) trailer.set('x-request-id', requestId);
  const figures = toRateFigures(rate);
  for (const [name, value] of Object.entries(figures ?? {}))
    trailer.set(`x-ratelimit-${name}`, String(value));
  return trailer;
}

/** Converts a refusal to the error of a gRPC call. */
export function toStatus(
  failure: Failure,
  rate: RateLimitStatus,
  requestId: RequestId | null = null,
): Pick<ServiceError, 'code' | 'details' | 'metadata'> {
  const refusal = toRefusal(failure);
  const metadata = toTrailer(rate, requestId);
  metadata.set('grpc-status-details-bin', Buffer.from(encodeDetails(refusal, requestId)));
  return { code: refusal.grpc_code, details: refusal.message, metadata };
}

/**
 * Drops field errors from the end until the rest fits: gRPC guarantees only 8 KiB of metadata, and
 * a call with more would fail without a reason that the caller could see.
 */
function encodeDetails(refusal: Refusal, requestId: RequestId | null): Uint8Array {
  for (let kept = refusal.errors.length; ; kept = Math.floor(kept / 2)) {
    const bytes = Status.encode({
      code: refusal.grpc_code,
      message: refusal.message,
      details: detailsOf({ ...refusal, errors: refusal.errors.slice(0, kept) }, requestId),
    }).finish();
    if (bytes.length <= ingestLimits.grpcDetailsBytesMax || kept === 0) return bytes;
  }
}

function detailsOf(refusal: Refusal, requestId: RequestId | null): Any[] {
  const info = {
    reason: refusal.code,
    domain: DOMAIN,
    metadata: refusal.message_id === '' ? {} : { message_id: refusal.message_id },
  };
  const violations = refusal.errors.map(({ field, code, message }) => ({
    field,
    reason: code,
    description: message,
  }));
  const seconds = Math.floor(refusal.retry_after_ms / 1000);
  const delay = { seconds, nanos: (refusal.retry_after_ms - seconds * 1000) * 1e6 };
  return [
    any('ErrorInfo', ErrorInfo.encode(ErrorInfo.fromPartial(info)).finish()),
    ...(violations.length > 0
      ? [
          any(
            'BadRequest',
            BadRequest.encode(BadRequest.fromPartial({ field_violations: violations })).finish(),
          ),
        ]
      : []),
    ...(refusal.retry_after_ms > 0
      ? [any('RetryInfo', RetryInfo.encode(RetryInfo.fromPartial({ retry_delay: delay })).finish())]
      : []),
    ...(requestId === null
      ? []
      : [
          any('RequestInfo', RequestInfo.encode(RequestInfo.fromPartial({ request_id: requestId })).finish()),
        ]),
  ];
}

const any = (name: string, value: Uint8Array): Any => ({
  type_url: `type.googleapis.com/google.rpc.${name}`,
  value: Buffer.from(value),
});
