// Making, listing and revoking API keys.

import { mergeFaults } from '../core/accept/field-rules.ts';
import { KEY_RANDOM_BYTES, makeKey } from '../core/api-key.ts';
import type { Environment } from '../core/catalog.ts';
import { Failure, type FieldError, validationFailed } from '../core/failure.ts';
import { limits } from '../core/limits.ts';
import { hasScope, mayUseEnvironment, mayUseSender, type Principal } from '../core/principal.ts';
import type { ApiKey } from '../ports/key-store.ts';
import type { Ingest } from './ingest.ts';

export interface CreateKeyRequest {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly environment: Environment | null;
  readonly senders: readonly string[];
  readonly requestsPerMinute: number | null;
  readonly expiresAt: number | null;
}

/**
 * A key may do no more than the one that makes it. The secret is in this answer and nowhere else.
 * @param faults by the rules of the contract
 */
export async function createKey(
  ingest: Ingest,
  principal: Principal,
  request: CreateKeyRequest,
  faults: readonly FieldError[],
): Promise<{ readonly key: ApiKey; readonly secret: string }> {
  const errors: FieldError[] = [];
  const fault = (field: string, code: string, message: string): void => void errors.push({ field, code, message });
  const now = ingest.messages.now();
  const environment = request.environment ?? principal.environment;
  const perMinute = request.requestsPerMinute ?? limits.requestsPerMinuteDefault;
  request.scopes.forEach((scope, i) => {
    if (!hasScope(principal, scope) || scope === '') fault(`scopes[${i}]`, 'invalid_scope', 'The making key does not have this scope.');
  });
  if (!mayUseEnvironment(principal.environment, environment))
    fault('environment', 'forbidden', `The making key's environment is ${principal.environment}.`);
  request.senders.forEach((name, i) => {
    const isThere = ingest.catalog.current().sender(principal.tenant, name) !== null;
    if (!isThere || !mayUseSender(principal, name))
      fault(`senders[${i}]`, 'unknown_sender', 'There is no such sender that the making key may use.');
  });
  if (request.expiresAt !== null && request.expiresAt <= now) fault('expires_at', 'too_early', 'A key must expire later than now.');
  const all = mergeFaults(faults, errors);
  if (all.length > 0) throw validationFailed(all, 'The key is not valid.');

  const made = makeKey(environment, ingest.random.bytes(KEY_RANDOM_BYTES));
  const key: ApiKey = {
    id: made.key.id,
    tenant: principal.tenant,
    name: request.name,
    secretHash: made.key.secretHash,
    scopes: request.scopes.length > 0 ? request.scopes : principal.scopes,
    environment,
    senders: request.senders.length > 0 ? request.senders : principal.senders,
    requestsPerMinute: perMinute,
    expiresAt: request.expiresAt,
    revokedAt: null,
    createdAt: now,
  };
  if (!(await ingest.keys.add(key))) throw new Failure('conflict', 'The key could not be made; try again.');
  return { key, secret: made.text };
}

export const listKeys = (ingest: Ingest, principal: Principal): Promise<readonly ApiKey[]> => ingest.keys.list(principal.tenant);

/** Answers since when. Elsewhere it stops working within `limits.keyCacheMs`. */
export async function revokeKey(ingest: Ingest, principal: Principal, id: string): Promise<number> {
  const now = ingest.messages.now();
  if (!(await ingest.keys.revoke(principal.tenant, id, now))) throw new Failure('not_found', 'There is no key of this id.');
  ingest.keyCache.forget(id);
  return (await ingest.keys.find(id))?.revokedAt ?? now;
}
