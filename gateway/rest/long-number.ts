// Numbers of a body that a double does not hold. JSON.parse would round them, so they keep their
// text until the reader knows their field: free JSON has the text, a field of the contract has a
// range.

import { fitOf } from '../../services/core/number-text.ts';

/** A number with more digits than a double holds. */
export class LongNumber {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The number as the caller wrote it. */
  get text(): string {
    return this.#text;
  }
}

/**
 * JSON.parse with a `LongNumber` in place of each number that a double does not hold, and NaN in
 * place of a number that is too close to 0. A number that is too large is infinite, as in
 * JSON.parse. Several times as slow as JSON.parse, so only for a text that has long numbers.
 */
export const parseWithLongNumbers = (text: string): unknown => parse(text, revive);

/** The reviver gets the source of the value (ECMAScript 2026), which TypeScript does not know yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

const revive: Reviver = (_, value, { source }) => {
  if (typeof value !== 'number' || source === undefined) return value;
  switch (fitOf(source)) {
    case 'longer':
      return new LongNumber(source);
    case 'beyond':
      return Number.isFinite(value) ? Number.NaN : value;
    default:
      return value;
  }
};
