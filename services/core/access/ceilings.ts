// The ceilings of a key. A new key stays within the ceilings of its maker, and a key sees and
// revokes only itself and keys within its own ceilings. Each key has its own limit: all keys that a
// key has made may together send more often than the key itself.

import type { Environment } from '../catalog/catalog.ts';
import type { FieldError } from '../failure.ts';
import { accessLimits } from '../limits/access.ts';
import type { Caller } from './caller.ts';
import { mayUseEnvironment } from './principal.ts';

export interface Ceilings {
  readonly scopes: readonly string[];
  readonly environment: Environment;
  /** Empty: all senders of the tenant. */
  readonly senders: readonly string[];
  readonly requestsPerMinute: number;
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
}

/** The ceilings of a key in one call, as far as the call's rule limits the key. */
export const ceilingsOf = (caller: Caller): Ceilings => ({
  scopes: caller.scopes,
  environment: caller.reach.environments?.at(-1) ?? 'live',
  senders: caller.reach.senders ?? [],
  requestsPerMinute: caller.requestsPerMinute,
  expiresAt: caller.expiresAt,
});

/** The ceilings in a request to make a key. Null, or an empty list: the ceilings of the maker. */
export interface WantedCeilings {
  readonly scopes: readonly string[];
  readonly environment: Environment | null;
  readonly senders: readonly string[];
  readonly requestsPerMinute: number | null;
  readonly expiresAt: number | null;
}

/**
 * Returns the ceilings of the new key: those of the request without duplicates, completed from the
 * maker's; and a fault for each that exceeds the maker's.
 */
export function judgeCeilings(
  maker: Ceilings,
  wanted: WantedCeilings,
  context: { readonly now: number; readonly isSender: (name: string) => boolean },
): { readonly ceilings: Ceilings; readonly errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const fault = (field: string, code: string, message: string): void =>
    void errors.push({ field, code, message });
  const ceilings: Ceilings = {
    scopes: wanted.scopes.length > 0 ? [...new Set(wanted.scopes)] : maker.scopes,
    environment: wanted.environment ?? maker.environment,
    senders: wanted.senders.length > 0 ? [...new Set(wanted.senders)] : maker.senders,
    requestsPerMinute: wanted.requestsPerMinute ?? maker.requestsPerMinute,
    expiresAt: wanted.expiresAt ?? maker.expiresAt,
  };
  wanted.scopes.forEach((scope, i) => {
    if (!maker.scopes.includes(scope))
      fault(`scopes[${i}]`, 'invalid_scope', 'Your API key does not have this scope.');
  });
  if (!mayUseEnvironment(maker.environment, ceilings.environment))
    fault('environment', 'forbidden', `The environment of your API key is ${maker.environment}.`);
  wanted.senders.forEach((name, i) => {
    // the maker must not learn whether a sender exists that it may not use
    if (!context.isSender(name) || !isWithinSenders(maker.senders, [name]))
      fault(`senders[${i}]`, 'unknown_sender', 'Your API key may not use a sender with this name.');
  });
  const mostPerMinute = Math.min(maker.requestsPerMinute, accessLimits.requestsPerMinuteMax);
  if (ceilings.requestsPerMinute < 1 || ceilings.requestsPerMinute > mostPerMinute)
    fault(
      'requests_per_minute',
      'out_of_range',
      `This must be from 1 to ${mostPerMinute}, the limit of your API key.`,
    );
  if (wanted.expiresAt !== null && wanted.expiresAt <= context.now)
    fault('expires_at', 'too_early', 'A key must expire later than now.');
  else if (!isWithinExpiry(maker.expiresAt, ceilings.expiresAt))
    fault('expires_at', 'too_late', 'A key must not expire later than your API key.');
  return { ceilings, errors };
}

/** The scopes, environment and senders of a key, without its request limit and expiry. */
export type Rights = Pick<Ceilings, 'scopes' | 'environment' | 'senders'>;

/** Whether a key has no rights that `of` does not have. True for equal rights. */
export const isWithinRights = (of: Rights, key: Rights): boolean =>
  key.scopes.every((scope) => of.scopes.includes(scope)) &&
  mayUseEnvironment(of.environment, key.environment) &&
  isWithinSenders(of.senders, key.senders);

/** The same, including the request limit and the expiry. */
export const isWithin = (of: Ceilings, key: Ceilings): boolean =>
  isWithinRights(of, key) &&
  key.requestsPerMinute <= of.requestsPerMinute &&
  isWithinExpiry(of.expiresAt, key.expiresAt);

const isWithinSenders = (of: readonly string[], senders: readonly string[]): boolean =>
  of.length === 0 || (senders.length > 0 && senders.every((name) => of.includes(name)));

const isWithinExpiry = (of: number | null, expiresAt: number | null): boolean =>
  of === null || (expiresAt !== null && expiresAt <= of);
