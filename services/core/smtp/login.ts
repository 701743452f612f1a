// Which SASL mechanism a login uses (RFC 4954), and what follows when the server refuses it.

import type { RouteCredentials } from '../catalog/catalog.ts';
import type { Answer } from '../delivery/reply.ts';
import { smtpOutLimits } from '../limits/smtp-out.ts';

export type Mechanism = 'PLAIN' | 'LOGIN' | 'CRAM-MD5' | 'XOAUTH2';

const forPassword: readonly Mechanism[] = ['PLAIN', 'LOGIN', 'CRAM-MD5'];
const forToken: readonly Mechanism[] = ['XOAUTH2'];

const usableBy = (credentials: RouteCredentials): readonly Mechanism[] =>
  credentials.accessToken === undefined ? forPassword : forToken;

/**
 * The mechanisms that these credentials can use and the server offers, in order of preference.
 * `first` goes to the front: the server has accepted a login with it before.
 */
export function mechanismsFor(
  credentials: RouteCredentials,
  offered: readonly string[],
  first: Mechanism | null,
): readonly Mechanism[] {
  const usable = usableBy(credentials).filter((mechanism) => offered.includes(mechanism));
  return first !== null && usable.includes(first)
    ? [first, ...usable.filter((mechanism) => mechanism !== first)]
    : usable;
}

/** Why no login is possible: a sentence that names what the server offers. */
export function noMechanism(credentials: RouteCredentials, offered: readonly string[]): string {
  if (offered.length === 0) return 'the server offers no AUTH';
  const secret = credentials.accessToken === undefined ? 'a password' : 'an access token';
  const shown = offered.slice(0, smtpOutLimits.mechanismsShownMax).join(', ');
  return `the server offers AUTH ${shown} only, and ${secret} needs ${usableBy(credentials).join(', ')}`;
}

/**
 * True when another mechanism may succeed: 502 and 504 refuse the mechanism, and some servers reply
 * 535 for a mechanism that is disabled for the account. Each other code is about the login itself.
 */
export const isMechanismRefused = ({ kind, stage, code }: Answer): boolean =>
  kind === 'refused' && stage === 'auth' && (code === 502 || code === 504 || code === 535);

/**
 * The refusal that helps more, of the two that two mechanisms met: one that concerns the
 * credentials, then the later one.
 */
export function betterRefusal<A extends Answer>(first: A, second: A): A {
  const isAboutLogin = second.stage === 'auth' && second.kind === 'refused';
  return isAboutLogin && (second.code === 535 || first.code !== 535) ? second : first;
}

/**
 * The initial response of XOAUTH2, in base64:
 * https://developers.google.com/workspace/gmail/imap/xoauth2-protocol
 */
export function xoauth2Response(username: string, accessToken: string): string {
  return Buffer.from(`user=${username}\u0001auth=Bearer ${accessToken}\u0001\u0001`).toString('base64');
}
