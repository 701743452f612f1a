// The caller of a request and the rights of the API key. Ingest makes one principal for each
// request. `access/access-rules.ts` says what each rpc requires.

import { type Environment, environments } from '../catalog/catalog.ts';

/** All scopes. The proto option `rest` names the scope that an rpc needs. */
export const scopes = [
  'messages:send',
  'messages:read',
  'suppressions:write',
  'senders:read',
  'templates:read',
  'keys:read',
  'keys:write',
] as const;
export type Scope = (typeof scopes)[number];

export interface Principal {
  readonly keyId: string;
  readonly tenant: string;
  readonly scopes: readonly string[];
  /** The default environment of a message, and the highest that the key may use. */
  readonly environment: Environment;
  /** Names of the senders that the key may use; empty: all senders of the tenant. */
  readonly senders: readonly string[];
  readonly requestsPerMinute: number;
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
}

export const hasScope = (principal: Principal, scope: string): boolean =>
  scope === '' || principal.scopes.includes(scope);

/** A `live` key may use all three environments, `testing` also `draft`, `draft` only `draft`. */
export const mayUseEnvironment = (ceiling: Environment, wanted: Environment): boolean =>
  environments.indexOf(wanted) <= environments.indexOf(ceiling);
