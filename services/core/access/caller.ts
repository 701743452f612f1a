// An API key during one call: whether the key may make the call, and which of the tenant's objects
// are visible to the call.

import { type Environment, environments } from '../catalog/catalog.ts';
import { Failure } from '../failure.ts';
import type { AccessRule, Bearing } from './access-rules.ts';
import { hasScope, mayUseEnvironment, type Principal } from './principal.ts';

/** The part of the tenant that one call may read and change. Null: no limit. */
export interface Reach {
  readonly environments: readonly Environment[] | null;
  readonly senders: readonly string[] | null;
}

/** A principal during one call. */
export interface Caller extends Principal {
  readonly reach: Reach;
}

/** Returns a failure of kind `forbidden` if the key may not make the call. */
export function judgeAccess(principal: Principal, rule: AccessRule): Caller | Failure {
  if (!hasScope(principal, rule.scope)) return lacksScope(rule.scope);
  if (rule.environment === 'whole' && principal.environment !== 'live')
    return new Failure(
      'forbidden',
      `Only a live key may do this; the environment of this key is ${principal.environment}.`,
    );
  if (rule.senders === 'whole' && principal.senders.length > 0)
    return new Failure(
      'forbidden',
      'A key that is limited to senders may not do this: it concerns the whole tenant.',
    );
  const allowed = environments.filter((environment) => mayUseEnvironment(principal.environment, environment));
  return {
    ...principal,
    reach: {
      environments: isLimited(rule.environment) && allowed.length < environments.length ? allowed : null,
      senders: isLimited(rule.senders) && principal.senders.length > 0 ? principal.senders : null,
    },
  };
}

export const lacksScope = (scope: string): Failure =>
  new Failure('forbidden', `This key lacks the scope ${scope}.`);

/** A call that only unlimited keys may make needs no further limit. */
const isLimited = (bearing: Bearing): boolean => bearing === 'use' || bearing === 'see' || bearing === 'cap';

export const reachesEnvironment = ({ environments: allowed }: Reach, environment: Environment): boolean =>
  allowed === null || allowed.includes(environment);

/** `name` null: the object belongs to no sender, so each sender of the tenant may use it. */
export const reachesSender = ({ senders }: Reach, name: string | null): boolean =>
  senders === null || name === null || senders.includes(name);

/** Whether a call may see a message. */
export const reaches = (
  reach: Reach,
  object: { readonly environment: Environment; readonly sender: string },
): boolean => reachesEnvironment(reach, object.environment) && reachesSender(reach, object.sender);
