// Judges numbers that are written in decimals, as in JSON. A double holds every integer up to 2^53
// and about 16 digits; a number that needs more must not be altered without a word.

/**
 * `held`: a double holds the number. `longer`: the number has more digits than a double, or is an
 * integer beyond 2^53 - 1. `beyond`: the number is too large for a double, or too close to 0.
 */
type NumberFit = 'held' | 'longer' | 'beyond';

const NUMBER = /^-?(0|[1-9]\d*)(?:\.(\d+))?(?:[eE][+-]?\d+)?$/;
const INTEGER = /^-?(?:0|[1-9]\d*)$/;

/** A double holds as many digits wherever it is normal. */
const HELD_DIGITS = 15;
const NORMAL_MIN = 2 ** -1022;
/** The most digits that `toExponential` writes. */
const DIGITS_MAX = 101;

/** Null if the text is not a number of JSON. Linear in the length of the text. */
export function fitOf(text: string): NumberFit | null {
  const [, whole, fraction = ''] = NUMBER.exec(text) ?? [];
  if (whole === undefined) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) return 'beyond';
  if (isInteger(text)) return Number.isSafeInteger(value) ? 'held' : 'longer';
  const digits = (whole + fraction).replace(/^0+/, '');
  if (value === 0 && digits !== '') return 'beyond';
  return digits === '' || isWriting(digits, Math.abs(value)) ? 'held' : 'longer';
}

/**
 * False for a parsed number whose digits may have been lost: an integer beyond 2^53 - 1, in any
 * notation, and a number that is not finite. For readers that no longer have the text.
 */
export const hasItsDigits = (value: number): boolean =>
  Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value));

/** True for a number without a fraction and an exponent. */
export const isInteger = (text: string): boolean => INTEGER.test(text);

/**
 * Whether the digits are a way to write the double: the shortest, or the double rounded to as many
 * digits. A program that writes doubles with 17 digits (`0.10000000000000001`) means the double.
 * Both are needed: of two equally near writings, the shortest may be the one that rounding avoids.
 */
function isWriting(digits: string, value: number): boolean {
  if (digits.length <= HELD_DIGITS && value >= NORMAL_MIN) return true;
  if (digits.length > DIGITS_MAX) return false;
  return (
    digitsIn(value.toExponential(digits.length - 1)) === digits ||
    digitsIn(value.toExponential()) === digits.replace(/0+$/, '')
  );
}

const digitsIn = (exponential: string): string => exponential.replace(/e.*/, '').replace('.', '');
