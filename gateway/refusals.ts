// Refusals of the gateway, the table from gRPC codes to HTTP statuses, and the body of an error.

import { status as Grpc } from '@grpc/grpc-js';
import type { FieldFault, Refusal } from '../proto/gen/packetboat/internal/v1/ingest.ts';
import { type KeyTextFault, keyTextFaults } from '../services/core/access/key-text.ts';
import { doorLimits } from '../services/core/limits/door.ts';
import { contentCodings } from './rest/content-coding.ts';

export function refusal(
  grpcCode: number,
  code: string,
  message: string,
  more: Partial<Refusal> = {},
): Refusal {
  return { grpc_code: grpcCode, code, message, errors: [], retry_after_ms: 0, message_id: '', ...more };
}

/**
 * The request does not match the contract. `faults` is empty if no field is at fault.
 */
export function malformed(faults: readonly FieldFault[], message = sentenceOf(faults.length)): Refusal {
  return refusal(Grpc.INVALID_ARGUMENT, 'invalid_request', message, { errors: [...faults] });
}

/** The request matches the contract and is refused for its content. */
export function validationFailed(faults: readonly FieldFault[]): Refusal {
  const message = faults.length === 1 ? 'One field is not valid.' : `${faults.length} fields are not valid.`;
  return refusal(Grpc.INVALID_ARGUMENT, 'validation_failed', message, { errors: [...faults] });
}

const sentenceOf = (count: number): string =>
  count === 1
    ? 'One field of the request does not have the right form.'
    : `${count} fields of the request do not have the right form.`;

export const notFound = (): Refusal =>
  refusal(
    Grpc.NOT_FOUND,
    'not_found',
    'There is nothing at this address. The addresses of the API are listed at /docs.',
  );

export const unauthenticated = (fault: KeyTextFault): Refusal =>
  refusal(Grpc.UNAUTHENTICATED, 'unauthenticated', keyTextFaults[fault]);

export const methodNotAllowed = (): Refusal =>
  refusal(
    Grpc.UNIMPLEMENTED,
    'method_not_allowed',
    'This path does not support this method. The header Allow lists the supported methods.',
  );

export const unsupportedContentEncoding = (): Refusal =>
  refusal(
    Grpc.UNIMPLEMENTED,
    'unsupported_content_encoding',
    `The header Content-Encoding may name one of ${contentCodings}. Send the body in one of these, or uncompressed.`,
  );

export const expectationFailed = (): Refusal =>
  refusal(Grpc.UNIMPLEMENTED, 'expectation_failed', 'The header Expect may only be 100-continue.');

export const unsupportedTransferEncoding = (): Refusal =>
  refusal(
    Grpc.UNIMPLEMENTED,
    'unsupported_transfer_encoding',
    'The header Transfer-Encoding may only be chunked.',
  );

/**
 * HTTP statuses of refusals that the gateway makes before any call, by the refusal's code. gRPC has
 * one code for all of them.
 */
const HTTP_ONLY: Readonly<Record<string, number>> = {
  method_not_allowed: 405,
  unsupported_content_encoding: 415,
  expectation_failed: 417,
  unsupported_transfer_encoding: 501,
};

export const tooLarge = (message: string): Refusal => refusal(Grpc.RESOURCE_EXHAUSTED, 'too_large', message);

/** For requests that are safe to repeat. */
export const unavailable = (message: string, retryAfterMs = doorLimits.unavailableRetryAfterMs): Refusal =>
  refusal(Grpc.UNAVAILABLE, 'unavailable', message, { retry_after_ms: retryAfterMs });

export const internal = (): Refusal =>
  refusal(
    Grpc.INTERNAL,
    'internal',
    'Something went wrong on our side. It is safe to repeat the request with the same idempotency key.',
  );

/** HTTP status of a refusal. */
export function httpStatusOf(refused: Refusal): number {
  switch (refused.grpc_code) {
    case Grpc.INVALID_ARGUMENT:
      return isJudged(refused.code) ? 422 : 400;
    case Grpc.UNAUTHENTICATED:
      return 401;
    case Grpc.PERMISSION_DENIED:
      return 403;
    case Grpc.NOT_FOUND:
      return 404;
    case Grpc.ABORTED:
      return 409;
    case Grpc.RESOURCE_EXHAUSTED:
      return refused.retry_after_ms > 0 ? 429 : 413;
    case Grpc.UNAVAILABLE:
      return 503;
    case Grpc.UNIMPLEMENTED:
      return HTTP_ONLY[refused.code] ?? 500;
    default:
      return 500;
  }
}

/** Whether ingest refused the API key, which counts as a failed authentication. */
export const isFailedAuthentication = ({ grpc_code, code }: Refusal): boolean =>
  grpc_code === Grpc.UNAUTHENTICATED || code === 'too_many_failed_authentications';

/** Whether the request matches the contract and was refused for its content. */
const isJudged = (code: string): boolean => code === 'validation_failed' || code.startsWith('idempotency_');

/** Seconds for `Retry-After`, which 429 and 503 carry. */
export function retryAfterOf(refused: Refusal): number | null {
  const status = httpStatusOf(refused);
  return status === 429 || status === 503 ? Math.max(Math.ceil(refused.retry_after_ms / 1000), 1) : null;
}

/** Headers that belong to a status (RFC 9110 11.6.1, 15.5.16, 10.2.3). */
export function headersOf(refused: Refusal): Record<string, string> {
  const retryAfter = retryAfterOf(refused);
  switch (httpStatusOf(refused)) {
    case 401:
      return { 'www-authenticate': 'Bearer' };
    case 415:
      return { 'accept-encoding': contentCodings };
    default:
      return retryAfter === null ? {} : { 'retry-after': String(retryAfter) };
  }
}

/** The body of an error, in snake_case like the whole API. */
export function errorBody(refused: Refusal, requestId: string): object {
  return {
    error: {
      code: refused.code,
      message: refused.message,
      errors: refused.errors,
      ...(refused.message_id === '' ? {} : { message_id: refused.message_id }),
    },
    request_id: requestId,
  };
}
