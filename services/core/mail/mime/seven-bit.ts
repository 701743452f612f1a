// Content that a mail carries without an encoding (7bit, RFC 2045 section 2.7): an attached
// message. Its lines get CRLF; everything else stays as it is.

const CR = 13;
const LF = 10;
/** RFC 5322 section 2.1.1, without CRLF. */
const lineBytesMax = 998;

/** Finds out whether content of any size can be sent as 7bit. */
export class SevenBitSurvey {
  #column = 0;
  #isSevenBit = true;

  push(chunk: Uint8Array): void {
    if (!this.#isSevenBit) return;
    for (const byte of chunk) {
      if (byte === CR || byte === LF) this.#column = 0;
      else if (++this.#column > lineBytesMax || byte > 126 || byte === 0) {
        this.#isSevenBit = false;
        return;
      }
    }
  }

  /** False if a line is too long, or a byte is beyond ASCII, NUL or DEL. */
  get isSevenBit(): boolean {
    return this.#isSevenBit;
  }
}

/** CRLF, LF and CR are line breaks and become CRLF. */
export class SevenBitEncoder {
  #isAfterCr = false;

  push(chunk: Uint8Array): Uint8Array {
    const out = Buffer.allocUnsafe(chunk.length * 2);
    let end = 0;
    for (const byte of chunk) {
      const isWritten = byte === LF && this.#isAfterCr;
      this.#isAfterCr = byte === CR;
      if (isWritten) continue;
      if (byte === CR || byte === LF) {
        out[end++] = CR;
        out[end++] = LF;
      } else out[end++] = byte;
    }
    return out.subarray(0, end);
  }

  end(): Uint8Array {
    return Buffer.alloc(0);
  }
}
