// The commands MAIL and RCPT of a mail. A mail that the server's offers show it would refuse is
// refused here, without a command.

import { type Address, needsSmtpUtf8 } from '../address.ts';
import type { Answer } from '../delivery/reply.ts';
import { replied } from './answers.ts';
import type { Offers } from './offers.ts';

export interface Envelope {
  /** Null: the null return path, `<>`. */
  readonly mailFrom: Address | null;
  readonly rcptTo: Address;
  /** A header needs SMTPUTF8. Whether an address of the envelope needs it is decided here. */
  readonly smtpUtf8: boolean;
  /** Size of the body in bytes, without the stuffed dots. */
  readonly bytes: number;
}

/** Lines without their CRLF. */
export interface Commands {
  readonly mail: string;
  readonly rcpt: string;
}

/** The commands, or a refusal with the codes that a server would use. */
export function commandsOf(
  { mailFrom, rcptTo, smtpUtf8, bytes }: Envelope,
  offers: Offers,
): Commands | Answer {
  const isUtf8 = smtpUtf8 || needsSmtpUtf8(rcptTo) || (mailFrom !== null && needsSmtpUtf8(mailFrom));
  if (isUtf8 && !offers.smtpUtf8) {
    const text = 'the mail needs SMTPUTF8, which the server does not offer';
    return replied('refused', 'mail', { code: 550, enhanced: '5.6.7', text });
  }
  if (offers.sizeMax !== null && bytes > offers.sizeMax) {
    const text = `the message has ${bytes} bytes, and the server takes ${offers.sizeMax}`;
    return replied('refused', 'mail', { code: 552, enhanced: '5.3.4', text });
  }
  // Legal in a quoted local part, but many servers read the first > as the end of the address.
  if (/[<>]/.test(rcptTo)) {
    return replied('refused', 'rcpt', {
      code: 553,
      enhanced: '5.1.3',
      text: 'an address with < or > cannot be sent to',
    });
  }
  let mail = `MAIL FROM:<${mailFrom ?? ''}>`;
  if (isUtf8) mail += ' SMTPUTF8';
  // The declaration does no harm when the body is 7-bit.
  if (offers.eightBitMime) mail += ' BODY=8BITMIME';
  if (offers.size) mail += ` SIZE=${bytes}`;
  return { mail, rcpt: `RCPT TO:<${rcptTo}>` };
}
