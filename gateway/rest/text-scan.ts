// One pass over the text of a JSON body, which JSON.parse has accepted. The pass leaps from string to
// string, because large bodies consist of strings: it counts the names of objects, and notices
// numbers that a double might not hold.

export interface TextScan {
  /** The names of all objects, repeated ones too. */
  readonly names: number;
  /**
   * Whether a number has an exponent, or 16 digits and more. Only such numbers may lose something in
   * JSON.parse: a double holds 15 digits.
   */
  readonly hasLongNumbers: boolean;
}

/** The length of the shortest text between two strings that has such a number: `:1e9,`. */
const GAP_MIN = 5;
/** Digits and the point of the shortest number that may lose a digit. */
const LONG_MIN = 16;
const BACKSLASH = 0x5c;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const SMALL_E = 0x65;
/** The bit that distinguishes a small letter from a capital. */
const SMALL = 0x20;

export function scanText(text: string): TextScan {
  let names = 0;
  let hasLongNumbers = false;
  const passGap = (from: number, to: number): void => {
    if (to - from >= GAP_MIN && !hasLongNumbers) hasLongNumbers = isLongNumberIn(text, from, to);
  };
  let from = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', from)) {
    passGap(from, at);
    from = endOfString(text, at);
    if (isName(text, from)) names++;
  }
  passGap(from, text.length);
  return { names, hasLongNumbers };
}

function isLongNumberIn(text: string, from: number, to: number): boolean {
  let length = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if ((code >= ZERO && code <= NINE) || code === POINT) {
      if (++length >= LONG_MIN) return true;
    } else {
      if (length > 0 && (code | SMALL) === SMALL_E) return true;
      length = 0;
    }
  }
  return false;
}

/** The index behind the string that begins at `start`. */
export function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(quote - backslashes - 1) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
}

/** In JSON, a string is a name exactly when a colon follows. */
export function isName(text: string, end: number): boolean {
  for (let at = end; ; at++) {
    const char = text[at];
    if (char !== ' ' && char !== '\n' && char !== '\r' && char !== '\t') return char === ':';
  }
}
