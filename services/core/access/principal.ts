// The caller of a request and the rights of the API key. Ingest makes one principal for each
// request. `access/access-rules.ts` says what each rpc requires.

import { type Environment, environments } from '../catalog/catalog.ts';

/** Everything that a key can be allowed to do. The rpcs name theirs in the proto option `rest`. */
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
  /** Default and ceiling. */
  readonly environment: Environment;
  /** Names of the senders it may use; empty: all of the tenant. */
  readonly senders: readonly string[];
  readonly requestsPerMinute: number;
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null;
}

export const hasScope = (principal: Principal, scope: string): boolean =>
  scope === '' || principal.scopes.includes(scope);

/** `live` allows all three, `testing` also `draft`, `draft` itself. */
export const mayUseEnvironment = (ceiling: Environment, wanted: Environment): boolean =>
  environments.indexOf(wanted) <= environments.indexOf(ceiling);
