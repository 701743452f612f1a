import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { errorBody, httpStatusOf, refusal, retryAfterOf } from './refusals.ts';

describe('the table from gRPC to HTTP', () => {
  test.each([
    [status.INVALID_ARGUMENT, 'invalid_request', 0, 400],
    [status.INVALID_ARGUMENT, 'validation_failed', 0, 422],
    [status.INVALID_ARGUMENT, 'idempotency_key_reused', 0, 422],
    [status.INVALID_ARGUMENT, 'idempotency_keys_differ', 0, 422],
    [status.UNAUTHENTICATED, 'unauthenticated', 0, 401],
    [status.PERMISSION_DENIED, 'forbidden', 0, 403],
    [status.NOT_FOUND, 'already_sent', 0, 404],
    [status.ABORTED, 'in_flight', 0, 409],
    [status.RESOURCE_EXHAUSTED, 'too_large', 0, 413],
    [status.RESOURCE_EXHAUSTED, 'rate_limited', 1, 429],
    [status.UNAVAILABLE, 'unavailable', 0, 503],
    [status.INTERNAL, 'internal', 0, 500],
    [status.UNKNOWN, 'internal', 0, 500],
    [status.UNIMPLEMENTED, 'internal', 0, 500],
    [status.UNIMPLEMENTED, 'method_not_allowed', 0, 405],
    [status.UNIMPLEMENTED, 'unsupported_content_encoding', 0, 415],
    [status.UNIMPLEMENTED, 'expectation_failed', 0, 417],
    [status.UNIMPLEMENTED, 'unsupported_transfer_encoding', 0, 501],
  ])('code %s, %s, retry after %s ms: %s', (code, word, retryAfterMs, http) => {
    expect(httpStatusOf(refusal(code, word, '', { retry_after_ms: retryAfterMs }))).toBe(http);
  });

  test.each([
    [status.RESOURCE_EXHAUSTED, 1, 1],
    [status.RESOURCE_EXHAUSTED, 1001, 2],
    [status.UNAVAILABLE, 0, 1],
    [status.UNAVAILABLE, 5000, 5],
    [status.ABORTED, 1000, null],
    [status.INTERNAL, 0, null],
  ])('code %s with %s ms waits %s s', (code, retryAfterMs, seconds) => {
    expect(retryAfterOf(refusal(code, 'x', '', { retry_after_ms: retryAfterMs }))).toBe(seconds);
  });

  test('a message that may have been accepted is named', () => {
    const refused = refusal(status.UNAVAILABLE, 'unavailable', 'm', { message_id: 'msg_1' });
    expect(errorBody(refused, 'req_1')).toEqual({
      error: { code: 'unavailable', message: 'm', errors: [], message_id: 'msg_1' },
      request_id: 'req_1',
    });
    expect(errorBody({ ...refused, message_id: '' }, 'req_1')).not.toHaveProperty('error.message_id');
  });
});
