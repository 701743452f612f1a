// Parses addresses; behind this parser no code checks them again. The parser is strict and our own,
// because what mail libraries "repair" (a CRLF, a second address behind a comma, a comment) can
// redirect mail. Each step is linear in the length of the input.

import { domainToASCII } from 'node:url';
import { addressLimits } from './limits/address.ts';
import { isLongerThan } from './text-length.ts';

declare const addressBrand: unique symbol;
declare const canonicalBrand: unique symbol;

/**
 * `local@domain` (RFC 5321 Mailbox, without address literals): the local part as the caller wrote
 * it, in UTF-8 where it must be (RFC 6531), quoted only where it has to be; the domain as
 * lower-cased A-labels. At most 64 octets before the `@` and 254 in all.
 */
export type Address = string & { readonly [addressBrand]: true };

/**
 * The form of an address that all spellings of one mailbox share: `Ana@` and `ana@`, composed and
 * decomposed accents. Only for comparing: mail is sent to the `Address`. Made by `canonical`.
 */
export type CanonicalAddress = string & { readonly [canonicalBrand]: true };

/**
 * An address and the name shown beside it. Plain JSON. A name never holds a control character, and
 * is null rather than empty.
 */
export interface Mailbox {
  readonly name: string | null;
  readonly address: Address;
}

/** Why a text is no address. The message is a sentence without the value, which may be personal. */
interface AddressRefusal {
  readonly code: 'invalid_address';
  readonly message: string;
}

/**
 * A mailbox as callers write it: text, or an object in which a field that is empty counts as
 * absent.
 */
type MailboxInput =
  | string
  | { readonly email?: string; readonly address?: string; readonly name?: string | null };

/**
 * What no field of a header may hold: controls (CR, LF and NUL among them), line separators, and
 * the marks that turn the reading direction around.
 */
const forbidden = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufeff]/u;
// Atoms and dots cannot stand for each other, so neither pattern can backtrack beyond one atom.
const dotAtom = /^[^\p{Z}()<>[\]:;@\\,".]+(?:\.[^\p{Z}()<>[\]:;@\\,".]+)*$/u;
const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const phraseSpecials = /[()<>[\]:;@\\,"]/;
const nonAscii = /[^\0-\x7f]/;

/** Reads one bare address: no name, no brackets, no spaces around it. */
export function parseAddress(text: string): Address | AddressRefusal {
  if (text === '') return refusal('The address is empty.');
  if (isLongerThan(text, addressLimits.addressOctetsMax)) return refusal(tooLong);
  if (!isClean(text)) return refusal('The address contains a control character or invalid Unicode.');
  const end = text.startsWith('"') ? endOfQuoted(text) : text.indexOf('@');
  if (end < 0)
    return refusal(
      text.startsWith('"') ? 'The quoted part of the address is not closed.' : 'The address has no @.',
    );
  if (end === 0) return refusal('The address has nothing before the @.');
  if (text[end] !== '@') return refusal('The address has no @ after its quoted part.');

  const local = text.startsWith('"') ? requote(unescaped(text.slice(1, end - 1))) : text.slice(0, end);
  if (local === '""') return refusal('The address has nothing before the @.');
  if (!local.startsWith('"') && !dotAtom.test(local))
    return refusal('The part before the @ has a character or a dot that is not allowed there.');
  if (Buffer.byteLength(local) > addressLimits.localPartOctetsMax) {
    return refusal(`The part before the @ is longer than ${addressLimits.localPartOctetsMax} octets.`);
  }
  const afterAt = text.slice(end + 1);
  if (/[,;].*@/.test(afterAt)) return refusal(severalAddresses);
  const domain = parseDomain(afterAt);
  if (typeof domain !== 'string') return domain;
  const address = `${local}@${domain}`;
  return Buffer.byteLength(address) > addressLimits.addressOctetsMax
    ? refusal(tooLong)
    : (address as Address);
}

/**
 * Reads `a@b`, `<a@b>`, `Name <a@b>`, `"Quoted, Name" <a@b>`, or an object with the two parts.
 * Spaces around the whole are ignored.
 */
export function parseMailbox(input: MailboxInput): Mailbox | AddressRefusal {
  if (typeof input !== 'string') return mailboxOf(input);
  if (input.length > addressLimits.mailboxCharsMax) return refusal(tooLong);
  const parts = splitMailbox(input);
  return 'code' in parts ? parts : mailbox(parts.name, parts.address);
}

/**
 * Splits a mailbox that is one text into its name (null: none) and its address, without judging
 * either. A refusal: nobody can say where the name ends.
 */
export function splitMailbox(
  given: string,
): { readonly name: string | null; readonly address: string } | AddressRefusal {
  const text = trimSpaces(given);
  if (!text.endsWith('>')) return { name: null, address: text };
  // A `<` inside a quoted name, or inside a quoted local part, is not the bracket.
  const open = text.startsWith('"') ? text.indexOf('<', Math.max(0, endOfQuoted(text))) : text.indexOf('<');
  if (open < 0) return refusal('The address has a > without a <.');
  const address = text.slice(open + 1, -1);
  if (/[<>]/.test(address) && !address.startsWith('"') && isClean(address)) return refusal(severalAddresses);
  const name = parseName(trimSpaces(text.slice(0, open)));
  return typeof name === 'object' && name !== null ? name : { name, address };
}

/** Tells the three results of the parsers apart. */
export function isRefusal(result: Address | Mailbox | AddressRefusal): result is AddressRefusal {
  return typeof result === 'object' && 'code' in result;
}

/** The domain, as lower-cased A-labels. */
export function domainOf(address: Address): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

/**
 * True when the address can only be spoken to a server that offers SMTPUTF8. An international
 * domain alone does not need it.
 */
export function needsSmtpUtf8(address: Address): boolean {
  return nonAscii.test(address);
}

/**
 * The form by which recipients are compared, found and suppressed. Ignores case in the local part
 * too: RFC 5321 lets a host distinguish `Ana` from `ana`, no provider does, and a suppression that
 * a capital letter evades would be worthless. Lower case can undo NFC (U+01F0 has no capital), so
 * the text is decomposed before and composed after. `toLowerCase` writes a sigma at the end of a
 * word differently, although both have the same capital.
 */
export function canonical(address: Address): CanonicalAddress {
  const folded = nonAscii.test(address)
    ? address.normalize('NFD').toLowerCase().replaceAll('ς', 'σ').normalize('NFC')
    : address.toLowerCase();
  return folded as CanonicalAddress;
}

/** True for a text that may stand in a header: well-formed Unicode without controls. */
export function isClean(text: string): boolean {
  return text.isWellFormed() && !forbidden.test(text);
}

/**
 * Reads a host name of at least two labels into lower-cased A-labels (UTS 46). `domainToASCII`
 * follows the URL standard, which also decodes `%41` and reads `0x7f.1` as an address of IPv4, so
 * it sees only what holds letters beyond ASCII, and its answer is checked like any other.
 */
export function parseDomain(text: string): string | AddressRefusal {
  if (text === '') return refusal('The address has nothing after the @.');
  if (text.includes('@')) return refusal('The address has more than one @.');
  if (text.startsWith('['))
    return refusal('The address has a literal IP address; a domain name is required.');
  if (!/^[a-zA-Z0-9.\-\u0080-\u{10ffff}]+$/u.test(text))
    return refusal('The domain of the address has a character that is not allowed.');
  const lower = text.toLowerCase();
  const domain = nonAscii.test(lower) ? domainToASCII(lower) : lower;
  if (domain === '') return refusal('The domain of the address is not a valid international domain name.');
  if (domain.length > addressLimits.domainOctetsMax) return refusal(tooLong);
  const labels = domain.split('.');
  if (labels.length < 2)
    return refusal('The domain of the address has only one part; a full domain name is required.');
  for (const part of labels) {
    if (part === '')
      return refusal(
        'The domain of the address has an empty part: a dot at its start or end, or two in a row.',
      );
    if (part.length > addressLimits.labelOctetsMax)
      return refusal(`A part of the domain is longer than ${addressLimits.labelOctetsMax} octets.`);
    if (!label.test(part))
      return refusal(
        'A part of the domain begins or ends with a hyphen, or has a character that is not allowed.',
      );
  }
  // No top-level domain begins with a digit, and whatever does would be read as an IP address by
  // somebody.
  return /^[a-z]/.test(labels[labels.length - 1] ?? '')
    ? domain
    : refusal('The domain of the address does not end in a top-level domain.');
}

const nameTooLong = `The name is longer than ${addressLimits.displayNameCharsMax} characters.`;
const severalAddresses = 'The text has several addresses; give each address an item of its own.';
const nameNeedsQuotes =
  'A name with a comma, parentheses, @ or another special character must be in double quotes: "Smith, John" <john@example.com>.';
const tooLong = `The address is longer than ${addressLimits.addressOctetsMax} octets.`;

function refusal(message: string): AddressRefusal {
  return { code: 'invalid_address', message };
}

function mailboxOf(input: Exclude<MailboxInput, string>): Mailbox | AddressRefusal {
  if (input.email && input.address && input.email !== input.address)
    return refusal('The address is given twice, as email and as address.');
  const { name } = input;
  if (name && isLongerThan(name, addressLimits.displayNameCharsMax)) return refusal(nameTooLong);
  const text = input.email || input.address || '';
  const read = mailbox(name ? trimSpaces(name) : null, text);
  return isRefusal(read) && trimSpaces(text).endsWith('>') ? refusalOfBrackets(text) : read;
}

/**
 * What is wrong with an address that ends like a mailbox. REST passes on as an address any text
 * that it cannot split into a name and an address.
 */
function refusalOfBrackets(text: string): AddressRefusal {
  const parts = splitMailbox(text.slice(0, addressLimits.mailboxCharsMax));
  return 'code' in parts
    ? parts
    : refusal('The address has a name or angle brackets; the address and the name are separate fields.');
}

function mailbox(name: string | null, text: string): Mailbox | AddressRefusal {
  if (name !== null && isLongerThan(name, addressLimits.displayNameCharsMax)) {
    return refusal(nameTooLong);
  }
  if (name !== null && !isClean(name))
    return refusal('The name contains a control character or invalid Unicode.');
  const address = parseAddress(text);
  return isRefusal(address) ? address : { name: name || null, address };
}

function parseName(text: string): string | null | AddressRefusal {
  if (text === '') return null;
  if (!text.startsWith('"'))
    return phraseSpecials.test(text)
      ? refusal(/@.*[,;]/.test(text) ? severalAddresses : nameNeedsQuotes)
      : text;
  if (endOfQuoted(text) !== text.length)
    return refusal('The name has a double quote that is not closed, or not escaped.');
  return trimSpaces(unescaped(text.slice(1, -1)));
}

/** The position behind the closing quote of a text that begins with one, or -1. */
function endOfQuoted(text: string): number {
  for (let i = 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  return -1;
}

function unescaped(quoted: string): string {
  return quoted.includes('\\') ? quoted.replace(/\\(.)/gsu, '$1') : quoted;
}

/**
 * One spelling for one mailbox: `"ana"@…` is `ana@…`, and would otherwise evade a suppression of
 * it.
 */
function requote(local: string): string {
  return dotAtom.test(local) ? local : `"${local.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * Only spaces: a line break at the end is an attempt at another header, not an accident to be
 * forgiven.
 */
function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === ' ') start++;
  while (end > start && text[end - 1] === ' ') end--;
  return text.slice(start, end);
}
