// Chooses the encoding of a text in memory: 7bit if it is ASCII with short lines, otherwise
// quoted-printable, or base64 if most of the text would be quoted. The result is ASCII with CRLF
// line breaks and lines of at most 78 characters.

import { contentEncoder } from './content-encoder.ts';

interface EncodedText {
  readonly encoding: '7bit' | 'quoted-printable' | 'base64';
  readonly content: string;
}

/**
 * RFC 5322 2.1.1 recommends this maximum. A relay may wrap a longer line, which would break the
 * signature.
 */
const lineCharsMax = 78;
/**
 * From a sixth of quoted bytes on, base64 is shorter. Only quoted-printable stays readable in the
 * source, for people and for filters.
 */
const quotedShareMax = 1 / 3;

export function encodeText(text: string): EncodedText {
  const bytes = Buffer.from(withCrlf(text));
  const { isPlain, quotedBytes } = survey(bytes);
  if (isPlain) return { encoding: '7bit', content: bytes.toString('latin1') };
  const encoding = quotedBytes > bytes.length * quotedShareMax ? 'base64' : 'quoted-printable';
  const encoder = contentEncoder(encoding);
  const body = encoder.push(bytes);
  const rest = encoder.end();
  return { encoding, content: asLatin1(body) + asLatin1(rest) };
}

/**
 * Finds in one pass whether the text can be sent as 7bit, and how many bytes quoted-printable would
 * quote.
 */
function survey(bytes: Uint8Array): { isPlain: boolean; quotedBytes: number } {
  let quotedBytes = 0;
  let isPlain = true;
  let column = 0;
  let last = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === 13 || byte === 10) {
      if (isSpaceOrTab(last)) isPlain = false;
      column = 0;
    } else {
      if (++column > lineCharsMax) isPlain = false;
      if (byte > 126 || (byte < 32 && byte !== 9)) {
        isPlain = false;
        quotedBytes++;
      } else if (byte === 61) quotedBytes++;
    }
    last = byte;
  }
  return { isPlain: isPlain && !isSpaceOrTab(last), quotedBytes };
}

/** Some relays remove a space or tab at the end of a line. */
function isSpaceOrTab(byte: number): boolean {
  return byte === 32 || byte === 9;
}

function withCrlf(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/\r\n?|\n/g, '\r\n') : text;
}

function asLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
