// What the parts of the SMTP client agree on.

import { limits } from '../../core/limits.ts';
import type { DialRules } from './dial.ts';

/** The limits that concern sending; tests set their own, so that none waits for minutes. See `core/limits.ts` for units and reasons. */
export const smtpLimits = {
  connectionsPerRouteMax: limits.connectionsPerRouteMax as number,
  messagesPerConnectionMax: limits.messagesPerConnectionMax as number,
  connectionIdleMs: limits.connectionIdleMs as number,
  heldBackBytes: limits.heldBackBytes as number,
  transcriptBytesMax: limits.transcriptBytesMax as number,
  smtpConnectMs: limits.smtpConnectMs as number,
  smtpGreetingMs: limits.smtpGreetingMs as number,
  smtpSocketMs: limits.smtpSocketMs as number,
  smtpDotMs: limits.smtpDotMs as number,
  smtpQuitMs: limits.smtpQuitMs as number,
};

export type SmtpLimits = Readonly<typeof smtpLimits>;

export interface SmtpSettings {
  /** Our name in EHLO: a host name that resolves to us, where possible. */
  readonly ehloName: string;
  readonly rules: DialRules;
  readonly limits: SmtpLimits;
}
