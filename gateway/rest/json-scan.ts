// Counts what makes JSON expensive to parse: tokens and depth (50 MB of `{},{},…` keep JSON.parse
// busy for 20 s). Works on bytes in pieces of any size and knows only strings, brackets and
// separators; the parser finds invalid JSON.

import { doorLimits } from '../../services/core/limits/door.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

type ScanVerdict = 'ok' | 'too_many_tokens' | 'too_deep';

export class JsonScan {
  #tokens = 0;
  #depth = 0;
  #isInString = false;
  /** The piece before ended in a string, behind an odd number of backslashes. */
  #isEscaped = false;

  /** Once it is not `ok` it never is again. */
  scan(piece: Uint8Array): ScanVerdict {
    let i = 0;
    while (i < piece.length) {
      if (this.#isInString) {
        i = this.#skipString(piece, i);
        continue;
      }
      const byte = piece[i++];
      if (byte === QUOTE) this.#isInString = true;
      else if (byte === COMMA || byte === COLON) this.#tokens++;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        this.#tokens++;
        if (++this.#depth > doorLimits.jsonDepthMax) return 'too_deep';
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.#depth--;
      if (this.#tokens > doorLimits.jsonTokensMax) return 'too_many_tokens';
    }
    return 'ok';
  }

  /**
   * Index behind the string's end, or the piece's. Strings are where large bodies are large, so it
   * leaps from quote to quote.
   */
  #skipString(piece: Uint8Array, start: number): number {
    for (let from = start; ; ) {
      const quote = piece.indexOf(QUOTE, from);
      const end = quote < 0 ? piece.length : quote;
      let backslashes = 0;
      while (end - backslashes > start && piece[end - backslashes - 1] === BACKSLASH) backslashes++;
      // Only when the run reaches back to the start does what was before it count.
      const isEscaped = (backslashes % 2 === 1) !== (this.#isEscaped && end - backslashes === start);
      if (quote < 0) {
        this.#isEscaped = isEscaped;
        return end;
      }
      if (!isEscaped) {
        this.#isInString = false;
        this.#isEscaped = false;
        return quote + 1;
      }
      from = quote + 1;
    }
  }
}
