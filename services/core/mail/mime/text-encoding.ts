// The encoding of a text that is at hand: 7bit where it is plain and short-lined, else
// quoted-printable, or base 64 where most of it would be quoted. The result is ASCII with CRLF line
// breaks and no line above 78 characters.

import { contentEncoder } from './content-encoder.ts';

interface EncodedText {
  readonly encoding: '7bit' | 'quoted-printable' | 'base64';
  readonly content: string;
}

/**
 * RFC 5322 2.1.1: lines should be no longer, and a longer one may be wrapped by a relay, which
 * would break the signature.
 */
const lineCharsMax = 78;
/**
 * Base 64 is the shorter one from a sixth of quoted bytes, but only quoted text can be read in the
 * source, by people and by filters.
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

/** One pass: whether it may go as it is, and how many bytes quoted-printable would quote. */
function survey(bytes: Uint8Array): { isPlain: boolean; quotedBytes: number } {
  let quotedBytes = 0;
  let isPlain = true;
  let column = 0;
  let last = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === 13 || byte === 10) {
      if (isBlank(last)) isPlain = false;
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
  return { isPlain: isPlain && !isBlank(last), quotedBytes };
}

/** At the end of a line a space or tab does not survive every relay. */
function isBlank(byte: number): boolean {
  return byte === 32 || byte === 9;
}

function withCrlf(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/\r\n?|\n/g, '\r\n') : text;
}

function asLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
