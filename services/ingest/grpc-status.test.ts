import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { Failure, type FailureKind } from '../core/failure.ts';
import { ingestLimits } from '../core/limits/ingest.ts';
import { requestIdOf } from '../core/trace.ts';
import { toRateFigures, toRefusal, toStatus, toTrailer } from './grpc-status.ts';

/** The details of a status, read by the types of google.rpc. */
function detailsOf(failure: Failure) {
  const [bytes] = toStatus(failure, null).metadata?.get('grpc-status-details-bin') ?? [];
  const { code, message, details } = Status.decode(Buffer.from(bytes ?? ''));
  const of = (name: string) =>
    details.find(({ type_url }) => type_url === `type.googleapis.com/google.rpc.${name}`)?.value;
  const [info, bad, retry] = [of('ErrorInfo'), of('BadRequest'), of('RetryInfo')];
  return {
    code,
    message,
    info: info && ErrorInfo.decode(info),
    violations: bad && BadRequest.decode(bad).field_violations,
    retry: retry && RetryInfo.decode(retry).retry_delay,
  };
}

const codes: readonly (readonly [FailureKind, number])[] = [
  ['invalid', status.INVALID_ARGUMENT],
  ['unauthenticated', status.UNAUTHENTICATED],
  ['forbidden', status.PERMISSION_DENIED],
  ['not_found', status.NOT_FOUND],
  ['conflict', status.ABORTED],
  ['too_large', status.RESOURCE_EXHAUSTED],
  ['rate_limited', status.RESOURCE_EXHAUSTED],
  ['unavailable', status.UNAVAILABLE],
  ['data_loss', status.DATA_LOSS],
  ['internal', status.INTERNAL],
];

describe('a failure as a gRPC status', () => {
  test.each(codes)('%s has its code, outside and inside, and says that it is ours', (kind, code) => {
    const failure = new Failure(kind, 'For people.');
    expect(toStatus(failure, null)).toMatchObject({ code, details: 'For people.' });
    expect(toRefusal(failure)).toMatchObject({ grpc_code: code, code: kind, message: 'For people.' });
    expect(detailsOf(failure)).toEqual({
      code,
      message: 'For people.',
      info: { reason: kind, domain: 'packetboat.dev', metadata: {} },
      violations: undefined,
      retry: undefined,
    });
  });

  test('carries all field errors', () => {
    const errors = [
      { field: 'to[2]', code: 'invalid_address', message: 'An address.' },
      { field: 'template_data.code', code: 'required', message: 'Is missing.' },
    ];
    const failure = new Failure('invalid', 'Two fields.', { code: 'validation_failed', errors });
    expect(toRefusal(failure).errors).toEqual(errors);
    expect(detailsOf(failure).info?.reason).toBe('validation_failed');
    expect(detailsOf(failure).violations).toMatchObject([
      { field: 'to[2]', reason: 'invalid_address', description: 'An address.' },
      { field: 'template_data.code', reason: 'required', description: 'Is missing.' },
    ]);
  });

  test('says when to come back, and which message may have been stored', () => {
    const failure = new Failure('unavailable', 'No store.', { retryAfterMs: 1_250.2, messageId: 'msg_x' });
    expect(toRefusal(failure)).toMatchObject({ retry_after_ms: 1_251, message_id: 'msg_x' });
    expect(detailsOf(failure).retry).toEqual({ seconds: 1, nanos: 251_000_000 });
    expect(detailsOf(failure).info?.metadata).toEqual({ message_id: 'msg_x' });
  });

  test('drops field errors from the end when they are more than metadata can carry', () => {
    const errors = Array.from({ length: 5_000 }, (_, i) => ({
      field: `to[${i}]`,
      code: 'invalid_address',
      message: 'An address.',
    }));
    const failure = new Failure('invalid', 'Many fields.', { errors });
    const [bytes] = toStatus(failure, null).metadata?.get('grpc-status-details-bin') ?? [];
    expect(Buffer.from(bytes ?? '').length).toBeLessThanOrEqual(ingestLimits.grpcDetailsBytesMax);
    expect(detailsOf(failure).violations?.[0]?.field).toBe('to[0]');
    expect(toRefusal(failure).errors).toHaveLength(5_000);
  });
});

describe('rate figures', () => {
  const rate = { limit: 5_000, remaining: 4_999, resetAt: 1_750_000_000_001 };

  test('count the reset in seconds, rounded up', () => {
    expect(toRateFigures(rate)).toEqual({ limit: 5_000, remaining: 4_999, reset: 1_750_000_001 });
    expect(toRateFigures(null)).toBeUndefined();
  });

  test('are in the trailer, also of refusals', () => {
    const figures = {
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': '4999',
      'x-ratelimit-reset': '1750000001',
    };
    expect(toTrailer(rate, null).getMap()).toEqual(figures);
    expect(toStatus(new Failure('rate_limited', 'Slowly.'), rate).metadata?.getMap()).toMatchObject(figures);
    expect(toTrailer(null, null).getMap()).toEqual({});
  });
});

describe('the request id', () => {
  const id = requestIdOf('7f1c1f0e-6a3c-4a53-9a5e-0d6f4f6f3b0a');

  test('is in the trailer of responses and refusals', () => {
    expect(toTrailer(null, id).getMap()).toEqual({ 'x-request-id': id });
    const { metadata } = toStatus(new Failure('internal', 'Broken.'), null, id);
    expect(metadata?.get('x-request-id')).toEqual([id]);
  });

  test('is a RequestInfo among the details of a refusal', () => {
    const { metadata } = toStatus(new Failure('internal', 'Broken.'), null, id);
    const [bytes] = metadata?.get('grpc-status-details-bin') ?? [];
    const { details } = Status.decode(bytes as Buffer);
    const info = details.find(({ type_url }) => type_url === 'type.googleapis.com/google.rpc.RequestInfo');
    expect(RequestInfo.decode(info?.value ?? Buffer.alloc(0)).request_id).toBe(id);
  });
});
