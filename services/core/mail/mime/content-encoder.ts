// Content-Transfer-Encodings (RFC 2045 section 6) for content of any size. An encoder takes chunks
// of any size and buffers less than one line. Its output has no bare CR or LF and no line above 76
// characters.

import type { BlobEncoding } from './mail.ts';
import { SevenBitEncoder } from './seven-bit.ts';

/** Call `push` for each chunk, then `end` once. The caller owns the returned bytes. */
interface ContentEncoder {
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

export function contentEncoder(encoding: BlobEncoding): ContentEncoder {
  switch (encoding) {
    case 'base64':
      return new Base64Encoder();
    case 'quoted-printable':
      return new QuotedPrintableEncoder();
    case '7bit':
      return new SevenBitEncoder();
  }
}

const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;
const EQUALS = 61;
const hexDigits = Buffer.from('0123456789ABCDEF');

const PLAIN = 1;
const BLANK = 2;
const BREAK = 3;
const QUOTED = 4;
/** How quoted-printable treats each byte. */
const kinds = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === CR || byte === LF) return BREAK;
  if (byte === SPACE || byte === TAB) return BLANK;
  return byte > SPACE && byte < 127 && byte !== EQUALS ? PLAIN : QUOTED;
});

/** 57 bytes make the 76 characters that a line may have. */
const base64LineBytes = 57;
const base64LineChars = 76;
/** The 76th character is the soft line break. */
const quotedLineChars = 75;

/**
 * CRLF separates the lines. The last line has none, because the text after a body starts with its
 * own.
 */
class Base64Encoder implements ContentEncoder {
  #held = Buffer.alloc(0);
  #isFirstLine = true;

  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.#held.length === 0 ? asBuffer(chunk) : Buffer.concat([this.#held, chunk]);
    const whole = bytes.length - (bytes.length % base64LineBytes);
    // a copy, because the caller may reuse its chunk
    this.#held = Buffer.from(bytes.subarray(whole));
    return this.#lines(bytes.subarray(0, whole));
  }

  end(): Uint8Array {
    return this.#lines(this.#held);
  }

  #lines(bytes: Buffer): Uint8Array {
    if (bytes.length === 0) return bytes;
    const base64 = bytes.toString('base64');
    const breaks = Math.ceil(base64.length / base64LineChars) - (this.#isFirstLine ? 1 : 0);
    const out = Buffer.allocUnsafe(base64.length + 2 * breaks);
    let end = 0;
    for (let start = 0; start < base64.length; start += base64LineChars) {
      if (this.#isFirstLine) this.#isFirstLine = false;
      else {
        out[end++] = CR;
        out[end++] = LF;
      }
      end += out.write(base64.slice(start, start + base64LineChars), end, 'latin1');
    }
    return out;
  }
}

/** For text: CRLF, LF and CR are line breaks and become CRLF; all other bytes are preserved. */
class QuotedPrintableEncoder implements ContentEncoder {
  #column = 0;
  #isAfterCr = false;
  /**
   * A space or tab at the end of a chunk. Before a line break it must be quoted, because relays
   * strip it there.
   */
  #held = Buffer.alloc(0);

  push(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const isHeld = kinds[bytes[bytes.length - 1] as number] === BLANK;
    this.#held = isHeld ? Buffer.from(bytes.subarray(-1)) : Buffer.alloc(0);
    return this.#encode(bytes, isHeld ? bytes.length - 1 : bytes.length);
  }

  end(): Uint8Array {
    return this.#encode(this.#held, this.#held.length);
  }

  /** Encodes the first `length` bytes and looks ahead at the byte after them. */
  #encode(bytes: Uint8Array, length: number): Uint8Array {
    // The worst case: three characters for each byte, and a soft line break of three after each 25
    // bytes.
    const out = Buffer.allocUnsafe(length * 4 + 4);
    let end = 0;
    let column = this.#column;
    let isAfterCr = this.#isAfterCr;
    for (let i = 0; i < length; i++) {
      const byte = bytes[i] as number;
      const kind = kinds[byte] as number;
      if (kind === BREAK) {
        const isWritten = byte === LF && isAfterCr;
        isAfterCr = byte === CR;
        if (isWritten) continue;
        out[end++] = CR;
        out[end++] = LF;
        column = 0;
        continue;
      }
      isAfterCr = false;
      const isPlain =
        kind === PLAIN || (kind === BLANK && i + 1 < bytes.length && kinds[bytes[i + 1] as number] !== BREAK);
      const width = isPlain ? 1 : 3;
      if (column + width > quotedLineChars) {
        out[end++] = EQUALS;
        out[end++] = CR;
        out[end++] = LF;
        column = 0;
      }
      if (isPlain) out[end++] = byte;
      else {
        out[end++] = EQUALS;
        out[end++] = hexDigits[byte >> 4] as number;
        out[end++] = hexDigits[byte & 15] as number;
      }
      column += width;
    }
    this.#column = column;
    this.#isAfterCr = isAfterCr;
    return out.subarray(0, end);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
