// Header fields (RFC 5322 section 2.2), folded at 76 characters. Text and names that are not plain
// ASCII become encoded words (RFC 2047), parameters become segments (RFC 2231). Every input has a
// result: a control character in a rendered subject becomes a space, never a new header.

import type { Mailbox } from '../../address.ts';
import { acceptLimits } from '../../limits/accept.ts';

/**
 * RFC 2047 allows 76 characters in a line with encoded words, which also keeps to the 78 of RFC
 * 5322.
 */
const lineChars = 76;
/** The characters of `=?UTF-8?B?` and `?=`. */
const encodedWordFrame = 12;
const encodedWordMax = 75;
/** A parameter of up to this length is written in quotes on one line. */
const quotedCharsMax = 60;

const control = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;
const ascii = /^[ -~]*$/;
const atoms = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

/** A field with text for people, for example a subject. */
export function textField(name: string, text: string): string {
  const value = cleaned(text).trim();
  return fold(name, isPlain(value) ? unitsOf(value) : encodedWords(value, name.length + 2));
}

/** A field for programs: printable ASCII, folded at its spaces and never encoded. */
export function asciiField(name: string, text: string): string {
  return fold(name, unitsOf(cleaned(text).trim()));
}

/** A field with an identifier in angle brackets, after a name for people (may be empty). */
export function identifierField(name: string, text: string, identifier: string): string {
  const units = text.trim() === '' ? [] : phrase(text, name.length + 2);
  return fold(name, [...units, ` <${identifier}>`]);
}

/** A field with a list of mailboxes. */
export function mailboxField(name: string, mailboxes: readonly Mailbox[]): string {
  const units: string[] = [];
  for (const [i, mailbox] of mailboxes.entries()) {
    const comma = i < mailboxes.length - 1 ? ',' : '';
    if (mailbox.name === null) units.push(` ${mailbox.address}${comma}`);
    else units.push(...phrase(mailbox.name, i === 0 ? name.length + 2 : 1), ` <${mailbox.address}>${comma}`);
  }
  return fold(name, units);
}

/**
 * A parameter to append to a field, for example `; filename="a.pdf"`. Each segment is on a line of
 * its own.
 */
export function parameter(name: string, text: string): string {
  const value = cleaned(text);
  if (value.length <= quotedCharsMax && isPlain(value) && !/["\\]/.test(value))
    return `;\r\n ${name}="${value}"`;
  const segments: string[] = [];
  let segment = "UTF-8''";
  for (const char of value) {
    const piece = /^[A-Za-z0-9._-]$/.test(char) ? char : percent(char);
    // the characters of ` filename*99*=` and `;` around a segment
    if (segment.length + piece.length > lineChars - name.length - 7) {
      segments.push(segment);
      segment = '';
    }
    segment += piece;
  }
  segments.push(segment);
  if (segments.length === 1) return `;\r\n ${name}*=${segment}`;
  return segments.map((part, i) => `;\r\n ${name}*${i}*=${part}`).join('');
}

/** `Mon, 23 Nov 2026 06:50:35 +0000` */
export function dateTime(ms: number): string {
  return `${new Date(ms).toUTCString().slice(0, -3)}+0000`;
}

/**
 * Joins units to lines. A unit starts with the space at which the line may be broken. The first
 * unit stays beside the name if it fits on no line.
 */
function fold(name: string, units: readonly string[]): string {
  let field = `${name}:`;
  let column = field.length;
  for (const [i, unit] of units.entries()) {
    if (column + unit.length > lineChars && (i > 0 || unit.length <= lineChars)) {
      field += '\r\n';
      column = 0;
    }
    field += unit;
    column += unit.length;
  }
  return `${field}\r\n`;
}

/**
 * A display name before an address: plain, in quotes, or as encoded words. A quoted name may be
 * folded at its spaces as well.
 */
function phrase(text: string, column: number): string[] {
  const name = cleaned(text).trim();
  if (!isPlain(name)) return encodedWords(name, column);
  return unitsOf(atoms.test(name) ? name : `"${name.replace(/["\\]/g, '\\$&')}"`);
}

/**
 * True for ASCII that can be folded and contains nothing like an encoded word. Several parsers
 * decode encoded words even in quotes.
 */
function isPlain(text: string): boolean {
  return (
    ascii.test(text) &&
    !text.includes('=?') &&
    unitsOf(text).every((unit) => unit.length <= acceptLimits.headerWordCharsMax)
  );
}

/** The words of a text, each with the spaces before it. */
function unitsOf(text: string): string[] {
  return ` ${text}`.split(/(?<=[^ ])(?= )/);
}

/**
 * The whole text as encoded words, spaces included, in base64 or Q, whichever is shorter. A word is
 * cut between characters only.
 */
function encodedWords(text: string, column: number): string[] {
  const room = lineChars - column - encodedWordFrame;
  const roomInFull = encodedWordMax - encodedWordFrame;
  const isBase64 = quotedLength(text) > Math.ceil(Buffer.byteLength(text) / 3) * 4;
  const words: string[] = [];
  let word = '';
  let used = 0;
  // After a long field name the rest of the first line is too short to start in.
  let available = room < 16 ? roomInFull : room;
  for (const char of text) {
    const piece = isBase64 ? char : quoted(char);
    const length = isBase64 ? Buffer.byteLength(char) : piece.length;
    if (used + length > (isBase64 ? Math.floor(available / 4) * 3 : available)) {
      words.push(encodedWord(word, isBase64));
      word = '';
      used = 0;
      available = roomInFull;
    }
    word += piece;
    used += length;
  }
  words.push(encodedWord(word, isBase64));
  return words;
}

function encodedWord(content: string, isBase64: boolean): string {
  return isBase64 ? ` =?UTF-8?B?${Buffer.from(content).toString('base64')}?=` : ` =?UTF-8?Q?${content}?=`;
}

/** The characters allowed in a phrase (RFC 2047 section 5 (3)), which are allowed everywhere. */
function quoted(char: string): string {
  if (char === ' ') return '_';
  return /^[A-Za-z0-9!*+/-]$/.test(char) ? char : percent(char).replaceAll('%', '=');
}

function quotedLength(text: string): number {
  let length = 0;
  for (const char of text) length += /^[A-Za-z0-9!*+/ -]$/.test(char) ? 1 : 3 * Buffer.byteLength(char);
  return length;
}

function percent(char: string): string {
  let out = '';
  for (const byte of Buffer.from(char)) out += `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`;
  return out;
}

function cleaned(text: string): string {
  return text.toWellFormed().replace(control, ' ');
}
