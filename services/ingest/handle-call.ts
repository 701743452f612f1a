// The steps that precede the handler of every call: authenticate, count the request, check the
// access. gRPC and embedded mode use the same steps.

import type { AccessRule } from '../core/access/access-rules.ts';
import { type Caller, judgeAccess, lacksScope } from '../core/access/caller.ts';
import { hasScope, type Principal } from '../core/access/principal.ts';
import { Failure } from '../core/failure.ts';
import type { RequestId } from '../core/trace.ts';
import type { Reservation } from '../ports/budgets.ts';
import { authenticateCaller, counted, type PresentedCredential } from './authenticate.ts';
import type { Ingest } from './ingest-parts.ts';

/** The origin of a call, from its gRPC metadata or from the gateway. */
export interface CallOrigin extends PresentedCredential {
  /** The id in the log and in the response. Null: the call has no id. */
  readonly requestId: RequestId | null;
}

/** The figures for the `X-RateLimit-*` headers; null when no key was recognized. */
export type RateLimitStatus = Pick<Reservation, 'limit' | 'remaining' | 'resetAt'> | null;

export type CallResult<T> =
  | { readonly rate: RateLimitStatus; readonly response: T }
  | { readonly rate: RateLimitStatus; readonly failure: Failure };

/** Budgets of keys are requests per minute; the burst is the whole minute. */
const MINUTE_MS = 60_000;

/**
 * Counts a request of this key as `requests` requests: all of them, or none when the budget has
 * fewer left. Returns the figures, and a failure if the request was not counted.
 */
export async function countRequest(
  { budgets }: Pick<Ingest, 'budgets'>,
  principal: Principal,
  requests = 1,
): Promise<{ readonly rate: RateLimitStatus; readonly failure: Failure | null }> {
  const limit = principal.requestsPerMinute;
  const budget = { name: `key/${principal.keyId}`, limit, windowMs: MINUTE_MS, burst: limit };
  const [reservation] = await budgets.reserve([{ budget, tokens: requests }]);
  if (reservation === undefined) throw new Failure('internal', 'the budgets returned no reservation');
  const { granted, waitMs, remaining, resetAt } = reservation;
  const rate: RateLimitStatus = { limit: reservation.limit, remaining, resetAt };
  if (granted === requests) return { rate, failure: null };
  if (granted > 0) await budgets.putBack(budget, granted);
  const isBeyondLimit = requests > limit;
  const message =
    requests === 1
      ? `This key is limited to ${limit} requests a minute.`
      : isBeyondLimit
        ? `This key is limited to ${limit} requests a minute, and the batch counts as ${requests}. Send smaller batches.`
        : `This key is limited to ${limit} requests a minute and has ${granted} left; the batch counts as ${requests}.`;
  // until the budget has as many tokens as the batch needs
  const missingMs = limit > 0 ? ((Math.min(requests, limit) - granted - 1) * MINUTE_MS) / limit : 0;
  const failure = new Failure('rate_limited', message, {
    retryAfterMs: Math.max(Math.ceil(waitMs + missingMs), 1),
  });
  return { rate: { ...rate, remaining: remaining + granted }, failure };
}

/**
 * For the internal rpcs. Each is part of a public call, whose access rule is checked when the
 * public call arrives.
 */
export function requireScope(principal: Principal, scope: string): void {
  if (!hasScope(principal, scope)) throw lacksScope(scope);
}

/** Throws `forbidden` if the rule does not allow this key to call. */
export function enter(principal: Principal, rule: AccessRule): Caller {
  const caller = judgeAccess(principal, rule);
  if (caller instanceof Failure) throw caller;
  return caller;
}

/**
 * Turns anything thrown into the failure that the caller gets. Logs internal failures under the id
 * of the request. An unexpected error becomes `internal` without details.
 */
export function failureForCaller(
  { report }: Pick<Ingest, 'report'>,
  error: unknown,
  requestId: RequestId | null,
): Failure {
  if (error instanceof Failure) {
    if (error.kind === 'unavailable' || error.kind === 'internal')
      report('a dependency failed', error, requestId);
    return error;
  }
  report('a handler failed', error, requestId);
  return new Failure(
    'internal',
    'Something went wrong on our side. It is safe to repeat the request with the same idempotency key.',
  );
}

/** Authenticates, counts and handles one call. Never rejects. */
export async function handleCall<T>(
  ingest: Pick<Ingest, 'keyCache' | 'failedAuthentications' | 'budgets' | 'report'>,
  origin: CallOrigin,
  handle: (principal: Principal) => Promise<T>,
  requests = 1,
): Promise<CallResult<T>> {
  let rate: RateLimitStatus = null;
  try {
    const principal = await authenticateCaller(ingest, origin);
    const counted = await countRequest(ingest, principal, requests);
    rate = counted.rate;
    if (counted.failure !== null) return { rate, failure: counted.failure };
    return { rate, response: await handled(ingest, origin, handle(principal)) };
  } catch (error) {
    return { rate, failure: failureForCaller(ingest, error, origin.requestId) };
  }
}

/**
 * Keys are cached, so a handler that reads the key from the store may find that the key was
 * revoked. This counts as a failed authentication, as for a key that was not cached.
 */
async function handled<T>(
  { failedAuthentications }: Pick<Ingest, 'failedAuthentications'>,
  { address }: PresentedCredential,
  response: Promise<T>,
): Promise<T> {
  try {
    return await response;
  } catch (error) {
    throw await counted(failedAuthentications, error, address);
  }
}
