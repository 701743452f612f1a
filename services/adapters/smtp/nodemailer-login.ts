// A login as nodemailer's SMTPConnection takes it. XOAUTH2 is a handler of our own: after a refusal
// nodemailer's own one sends the same token a second time.

import type { RouteCredentials } from '../../core/catalog/catalog.ts';
import { type Mechanism, xoauth2Response } from '../../core/smtp/login.ts';

/**
 * nodemailer's name for our handler. Under the name XOAUTH2 nodemailer would use the first mechanism
 * that the server offers, and send the token as a password.
 */
export const TOKEN_METHOD = 'PACKETBOAT-XOAUTH2';

export interface NodemailerLogin {
  readonly method: string;
  readonly credentials: { readonly user: string; readonly pass: string };
}

/** `secrets`: the texts on the wire that reveal the password or the token. */
export function loginOptions(
  method: Mechanism,
  { username, password, accessToken }: RouteCredentials,
): { readonly login: NodemailerLogin; readonly secrets: readonly string[] } {
  if (accessToken !== undefined) {
    const response = xoauth2Response(username, accessToken);
    return {
      login: { method: TOKEN_METHOD, credentials: { user: username, pass: response } },
      secrets: [response, accessToken],
    };
  }
  return {
    login: { method, credentials: { user: username, pass: password } },
    secrets: [base64(`\0${username}\0${password}`), base64(password), password],
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

interface Dialogue {
  readonly auth: { readonly credentials?: { readonly pass?: string | undefined } | undefined };
  sendCommand(command: string): Promise<{ readonly response: string }>;
}

/** Rejects when the server refuses; its reply is in nodemailer's log. */
export async function sendToken({ auth, sendCommand }: Dialogue): Promise<void> {
  const first = await sendCommand(`AUTH XOAUTH2 ${auth.credentials?.pass ?? ''}`);
  // A refusal comes in two steps: 334 with the error in JSON, and 535 once the client has sent an
  // empty line (RFC 7628 3.2.3).
  const last = first.response.startsWith('334') ? await sendCommand('') : first;
  if (!last.response.startsWith('2')) throw new Error('Invalid login');
}
