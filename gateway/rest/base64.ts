// Reads base64 as encoders write it: both alphabets of RFC 4648, with or without padding, with or
// without line breaks. Strict in everything else: a text that loses a bit when decoded is rejected.
// A space is not ignored, because a `+` that went through the decoding of a form is a space.

import { Buffer } from 'node:buffer';
import { doorLimits } from '../../services/core/limits/door.ts';

const QUAD = 4;

/** Null if the text is not base64. */
export function decodeBase64(text: string): Buffer | null {
  const alphabet = text.includes('-') || text.includes('_') ? 'base64url' : 'base64';
  const bytes = Buffer.allocUnsafe(Math.ceil(text.length / QUAD) * 3);
  let to = 0;
  /** Decodes characters without padding, whose encoding must be what was written. */
  const take = (chars: string): boolean => {
    const from = to;
    to += bytes.write(chars, from, alphabet);
    return unpadded(bytes.toString(alphabet, from, to)) === chars;
  };
  let rest = '';
  for (let at = 0; at < text.length; at += doorLimits.base64PieceChars) {
    const chars = rest + withoutLineBreaks(text.slice(at, at + doorLimits.base64PieceChars));
    // the last quad may have padding, and only the end of the text shows that it is the last
    const whole = Math.max(0, Math.ceil(chars.length / QUAD) - 1) * QUAD;
    if (!take(chars.slice(0, whole))) return null;
    rest = chars.slice(whole);
  }
  if (rest.endsWith('=') && rest.length !== QUAD) return null;
  return take(unpadded(rest)) ? bytes.subarray(0, to) : null;
}

/** What the caller should do about a text that is not base64. */
export const faultOfBase64 = (text: string): string =>
  /^\s*data:/i.test(text)
    ? 'This is a data URI. Omit everything up to the comma, and give only the base64.'
    : 'This must be base64 (RFC 4648). Padding and line breaks are optional.';

const unpadded = (chars: string): string =>
  chars.endsWith('==') ? chars.slice(0, -2) : chars.endsWith('=') ? chars.slice(0, -1) : chars;

const withoutLineBreaks = (piece: string): string =>
  piece.includes('\n') || piece.includes('\r') ? piece.replace(/[\r\n]+/g, '') : piece;
