// Reads the login of a route from the values of its Secret: `username` with exactly one of `password`
// and `accessToken`.

import type { RouteCredentials } from '../catalog/catalog.ts';
import type { ObjectFault } from '../documents/fault.ts';
import { catalogLimits } from '../limits/catalog.ts';

/** The sender that the route belongs to. */
export interface CredentialsOwner {
  readonly tenant: string;
  readonly sender: string;
}

/** The end of a sentence about the Secret, without any of its values. */
export type CredentialsFault = Pick<ObjectFault, 'reason' | 'message'>;

export function readCredentials(
  values: Readonly<Record<string, string>>,
  { tenant, sender }: CredentialsOwner,
): RouteCredentials | CredentialsFault {
  const own = (key: string): string | undefined => (Object.hasOwn(values, key) ? values[key] : undefined);
  const username = withoutLineBreak(own('username') ?? '');
  const written = own('password');
  const password = written === undefined ? undefined : withoutLineBreak(written);
  const accessToken = own('accessToken')?.trim();
  if (password !== undefined && accessToken !== undefined)
    return invalid('must have one of the keys "password" and "accessToken", not both');
  if (password === undefined && accessToken === undefined)
    return { reason: 'SecretKeyMissing', message: 'has no key "password" or "accessToken"' };
  if (username === '') return invalid('has an empty key "username"');
  if (password === '') return invalid('has an empty key "password"');
  if (accessToken === undefined) return { username, password: password ?? '' };
  // XOAUTH2 separates its fields by control characters.
  if (/\p{Cc}/u.test(username)) return invalid('has control characters in the key "username"');
  if (!isAccessToken(accessToken)) return invalid('has no access token in the key "accessToken"');
  return { username, accessToken, tenant, sender };
}

/** Files, from which Secrets are made, end with a line break, and people do not see it. */
const withoutLineBreak = (text: string): string => text.replace(/\r?\n$/, '');

/** The keys of a login whose value ends with a line break, which `readCredentials` removes. */
export const keysWithLineBreak = (values: Readonly<Record<string, string>>): readonly string[] =>
  ['username', 'password', 'accessToken'].filter(
    (key) => Object.hasOwn(values, key) && withoutLineBreak(values[key] ?? '') !== values[key],
  );

const invalid = (message: string): CredentialsFault => ({ reason: 'InvalidKey', message });

/** RFC 6750 2.1 (b64token). */
const isAccessToken = (text: string): boolean =>
  /^[A-Za-z0-9._~+/-]+=*$/.test(text) && text.length <= catalogLimits.accessTokenCharsMax;
