// Finds the known word that the author of a misspelled word may have meant.

import { documentsLimits } from '../limits/documents.ts';

/**
 * Returns the known word that differs from `word` by the fewest typing errors, upper and lower case
 * alike. Null if every known word differs by more than a third of the letters of `word` or by more
 * than `documentsLimits.suggestionErrorsMax`.
 */
export function nearest(word: string, known: Iterable<string>): string | null {
  if (word.length > documentsLimits.suggestionCharsMax) return null;
  let best: string | null = null;
  let fewest = Math.min(documentsLimits.suggestionErrorsMax, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const errors = errorsBetween(word.toLowerCase(), candidate.toLowerCase());
    if (errors < fewest) [best, fewest] = [candidate, errors];
  }
  return best;
}

/**
 * The number of letters that are wrong, missing, extra or swapped with their neighbour (optimal
 * string alignment distance).
 */
function errorsBetween(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > documentsLimits.suggestionErrorsMax) return Number.POSITIVE_INFINITY;
  let [before, above]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = isExchanged ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(changed, exchanged, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    [before, above] = [above, row];
  }
  return above[b.length] ?? 0;
}
