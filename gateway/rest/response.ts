// The response to a REST request, before it is written as HTTP.

import type { RateFigures, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import type { Method } from '../../services/runtime/contract.ts';
import { errorBody, headersOf, httpStatusOf } from '../refusals.ts';
import { writeMessage } from './write-message.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: no body. */
  readonly body: object | null;
}

/** The response of a successful rpc. `response` has the rpc's response type in proto/gen. */
export function succeeded(
  method: Method,
  response: object,
  rate: RateFigures | undefined,
  replayed = false,
): HttpAnswer {
  const isAgain = 'created' in response && response.created === false;
  return {
    status: isAgain ? method.rest.statusAgain : method.rest.status,
    headers: { ...rateHeaders(rate), ...(replayed ? { 'idempotent-replayed': 'true' } : {}) },
    body: writeMessage(method.responseType, response),
  };
}

export function refusedWith(refused: Refusal, rate: RateFigures | undefined, requestId: string): HttpAnswer {
  return {
    status: httpStatusOf(refused),
    headers: { ...rateHeaders(rate), ...headersOf(refused) },
    body: errorBody(refused, requestId),
  };
}

/** Figures of a request without a key, which has no budget: 0 of 0, full again now. */
export function rateHeaders(rate: RateFigures | undefined): Record<string, string> {
  const { limit, remaining, reset } = rate ?? { limit: 0, remaining: 0, reset: Math.ceil(Date.now() / 1000) };
  return {
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(reset),
  };
}
