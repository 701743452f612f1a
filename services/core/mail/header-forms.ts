// The forms of header values. A form states what a value must be, reads a caller's value, and
// writes the field. Values of a form for programs stay ASCII; only texts and names for people may
// become encoded words.

import { isRefusal, type Mailbox, needsSmtpUtf8, parseMailbox } from '../address.ts';
import { acceptLimits } from '../limits/accept.ts';
import { asciiField, mailboxField, textField } from './mime/header-field.ts';

/** Why a value does not have its form: a sentence without the value. */
export interface ValueFault {
  readonly fault: string;
}

export interface HeaderForm {
  /** What the value must be, for errors and for docs/sending.md: a noun phrase in Markdown. */
  readonly expects: string;
  /** The value as it is stored, or its fault. The value is one trimmed line and not blank. */
  read(value: string): string | ValueFault;
  /** The whole field with its CRLF, from a value that `read` returned. */
  write(name: string, value: string): string;
}

export const text: HeaderForm = {
  expects: 'any text on one line',
  read: (value) => value,
  write: textField,
};

/** `=?` would be parsed as the start of an encoded word. */
export const words: HeaderForm = forPrograms(
  `ASCII words of at most ${acceptLimits.headerWordCharsMax} characters`,
  (value) =>
    value
      .split(' ')
      .every(
        (word) =>
          word.length <= acceptLimits.headerWordCharsMax && /^[!-~]*$/.test(word) && !word.includes('=?'),
      ),
);

/** One of these words, in any case. */
export function oneOf(...values: readonly string[]): HeaderForm {
  const [last, ...others] = values.map((value) => `\`${value}\``).toReversed();
  const expects = others.length === 0 ? `${last}` : `${others.toReversed().join(', ')} or ${last}`;
  return {
    expects,
    read: (value) => values.find((known) => known.toLowerCase() === value.toLowerCase()) ?? mismatch(expects),
    write: asciiField,
  };
}

const autoSubmittedSyntax =
  /^(?:no|auto-(?:generated|replied|notified))(?: ?; ?[a-z0-9-]{1,40}=(?:[a-z0-9!#$&^_.+-]{1,200}|"[ !#-[\]-~]{0,200}"))*$/i;

/** RFC 3834 section 5. */
export const autoSubmitted: HeaderForm = forPrograms(
  '`no`, `auto-generated`, `auto-replied` or `auto-notified`, with optional parameters',
  (value) => autoSubmittedSyntax.test(value),
);

const languageTag = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}$/;

/** RFC 3282. */
export const languages: HeaderForm = forPrograms(
  'language tags separated by commas, for example `de-AT, en`',
  (value) => value.split(',').every((tag) => languageTag.test(tag.trim())),
);

/** Gmail reads up to three identifiers of the caller's choice, and last one of the sender. */
export const feedbackId: HeaderForm = forPrograms(
  '1 to 4 identifiers separated by colons, without spaces, for example `summer:shop:invoice:packetboat`',
  (value) => /^(?:[!-9;-~]{0,200}:){0,3}[!-9;-~]{1,200}$/.test(value) && !value.includes('=?'),
);

const addressesExpected = 'addresses separated by commas';

/** RFC 8098 section 2.1. Only names may be beyond ASCII. */
export const mailboxes: HeaderForm = {
  expects: addressesExpected,
  read: (value) => {
    const parts = splitAtCommas(value);
    for (const part of parts) {
      const mailbox = parseMailbox(part);
      if (isRefusal(mailbox)) return { fault: mailbox.message };
      if (needsSmtpUtf8(mailbox.address))
        return { fault: 'The part of an address before the @ must be ASCII in this header.' };
    }
    return parts.join(', ');
  },
  write: (name, value) => mailboxField(name, splitAtCommas(value).flatMap(mailboxOf)),
};

function mailboxOf(part: string): Mailbox[] {
  const mailbox = parseMailbox(part);
  return isRefusal(mailbox) ? [] : [mailbox];
}

const closings: Readonly<Record<string, string>> = { '"': '"', '<': '>', '(': ')' };

/**
 * Splits at commas that are outside of quotes, angle brackets and comments, and trims the items.
 */
export function splitAtCommas(value: string): string[] {
  const items: string[] = [];
  let start = 0;
  let closing = '';
  for (let i = 0; i < value.length; i++) {
    const char = value[i] as string;
    if (closing === '' && char === ',') {
      items.push(value.slice(start, i));
      start = i + 1;
    } else if (char === '\\' && closing !== '>') i++;
    else if (char === closing) closing = '';
    else if (closing === '') closing = closings[char] ?? '';
  }
  return [...items, value.slice(start)].map((item) => item.trim());
}

export const mismatch = (expects: string): ValueFault => ({
  fault: `The value of this header must be ${expects}.`,
});

export function forPrograms(expects: string, isValid: (value: string) => boolean): HeaderForm {
  return { expects, read: (value) => (isValid(value) ? value : mismatch(expects)), write: asciiField };
}
