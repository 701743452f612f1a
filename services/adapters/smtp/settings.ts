// Settings that the parts of the SMTP client share.

import type { Route, RouteCredentials } from '../../core/catalog/catalog.ts';
import { smtpOutLimits } from '../../core/limits/smtp-out.ts';
import type { Mechanism } from '../../core/smtp/login.ts';
import type { DialRules } from './dial.ts';

/**
 * The limits of sending. Tests set lower ones, so that no test waits for minutes. See `core/limits`
 * for units and reasons.
 */
export const smtpLimits = {
  connectionsPerRouteMax: smtpOutLimits.connectionsPerRouteMax as number,
  messagesPerConnectionMax: smtpOutLimits.messagesPerConnectionMax as number,
  connectionIdleMs: smtpOutLimits.connectionIdleMs as number,
  heldBackBytes: smtpOutLimits.heldBackBytes as number,
  transcriptBytesMax: smtpOutLimits.transcriptBytesMax as number,
  smtpConnectMs: smtpOutLimits.smtpConnectMs as number,
  smtpGreetingMs: smtpOutLimits.smtpGreetingMs as number,
  smtpSocketMs: smtpOutLimits.smtpSocketMs as number,
  smtpDotMs: smtpOutLimits.smtpDotMs as number,
  smtpQuitMs: smtpOutLimits.smtpQuitMs as number,
  smtpOneWriteBytes: smtpOutLimits.smtpOneWriteBytes as number,
  smtpAddressesMax: smtpOutLimits.smtpAddressesMax as number,
};

export type SmtpLimits = Readonly<typeof smtpLimits>;

export interface SmtpSettings {
  /** Our name in EHLO: a host name that resolves to us, where possible. */
  readonly ehloName: string;
  readonly rules: DialRules;
  readonly limits: SmtpLimits;
  /** The credentials for a login that begins now. Must not throw. */
  readonly credentialsOf: (route: Route) => RouteCredentials | null;
  /** The mechanism that the server of a route accepted last, so that it is tried first. */
  readonly accepted: WeakMap<Route, Mechanism>;
}
