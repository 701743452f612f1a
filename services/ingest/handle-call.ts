// The steps of every call before its handler: authenticate, count, judge the access. The same for
// gRPC and for embedded mode.

import type { AccessRule } from '../core/access/access-rules.ts';
import { type Caller, judgeAccess, lacksScope } from '../core/access/caller.ts';
import { hasScope, type Principal } from '../core/access/principal.ts';
import { Failure } from '../core/failure.ts';
import type { RequestId } from '../core/trace.ts';
import type { Reservation } from '../ports/budgets.ts';
import { authenticateCaller, counted, type PresentedCredential } from './authenticate.ts';
import type { Ingest } from './ingest-parts.ts';

/** Where a call comes from, as its door says. */
export interface CallOrigin extends PresentedCredential {
  /** For the log, and the caller knows the id; null: the door has none. */
  readonly requestId: RequestId | null;
}

/** The figures of the `X-RateLimit-*` headers; null when no key was recognized. */
export type RateLimitStatus = Pick<Reservation, 'limit' | 'remaining' | 'resetAt'> | null;

export type CallResult<T> =
  | { readonly rate: RateLimitStatus; readonly response: T }
  | { readonly rate: RateLimitStatus; readonly failure: Failure };

/** Budgets of keys are requests per minute; the burst is the whole minute. */
const MINUTE_MS = 60_000;

/** Counts one request of this key. Returns its figures, and a failure when the budget is spent. */
export async function countRequest(
  { budgets }: Pick<Ingest, 'budgets'>,
  principal: Principal,
): Promise<{ readonly rate: RateLimitStatus; readonly failure: Failure | null }> {
  const limit = principal.requestsPerMinute;
  const budget = { name: `key/${principal.keyId}`, limit, windowMs: MINUTE_MS, burst: limit };
  const [reservation] = await budgets.reserve([{ budget, tokens: 1 }]);
  if (reservation === undefined) throw new Failure('internal', 'the budgets gave no answer');
  const rate: RateLimitStatus = {
    limit: reservation.limit,
    remaining: reservation.remaining,
    resetAt: reservation.resetAt,
  };
  if (reservation.granted > 0) return { rate, failure: null };
  const failure = new Failure('rate_limited', `This key is limited to ${limit} requests a minute.`, {
    retryAfterMs: Math.max(reservation.waitMs, 1),
  });
  return { rate, failure };
}

/**
 * For the internal rpcs. Each is a part of a public call, whose access rule is judged when the call
 * itself comes.
 */
export function requireScope(principal: Principal, scope: string): void {
  if (!hasScope(principal, scope)) throw lacksScope(scope);
}

/** Throws `forbidden` when the rule does not let this key call. */
export function enter(principal: Principal, rule: AccessRule): Caller {
  const caller = judgeAccess(principal, rule);
  if (caller instanceof Failure) throw caller;
  return caller;
}

/**
 * The failure that the caller gets for whatever was thrown. Logs failures of ours under the id of
 * the request; of an unexpected error the caller learns nothing else.
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
): Promise<CallResult<T>> {
  let rate: RateLimitStatus = null;
  try {
    const principal = await authenticateCaller(ingest, origin);
    const counted = await countRequest(ingest, principal);
    rate = counted.rate;
    if (counted.failure !== null) return { rate, failure: counted.failure };
    return { rate, response: await handled(ingest, origin, handle(principal)) };
  } catch (error) {
    return { rate, failure: failureForCaller(ingest, error, origin.requestId) };
  }
}

/**
 * Keys are cached, so a handler that reads the key from the store may find that the key was
 * revoked. Such a failure counts like that of a key that was not cached.
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
