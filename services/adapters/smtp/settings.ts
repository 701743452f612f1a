// The settings that all parts of the SMTP client share.

import { smtpOutLimits } from '../../core/limits/smtp-out.ts';
import type { DialRules } from './dial.ts';

/**
 * The limits that concern sending; tests set their own, so that none waits for minutes. See
 * `core/limits` for units and reasons.
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
}
