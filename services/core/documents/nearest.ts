// Which of the known words somebody may have meant.

/**
 * Longer words are nobody's slip of the keyboard, and comparing them costs the product of their
 * lengths.
 */
const LETTERS_MAX = 64;

/**
 * The known word that takes the fewest typing errors to become this word; null when none is near: a
 * third of its letters, three at most.
 */
export function nearest(word: string, known: Iterable<string>): string | null {
  if (word.length > LETTERS_MAX) return null;
  let best: string | null = null;
  let fewest = Math.min(3, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const errors = errorsBetween(word.toLowerCase(), candidate.toLowerCase());
    if (errors < fewest) [best, fewest] = [candidate, errors];
  }
  return best;
}

/**
 * Letters that are wrong, missing, too many, or exchanged with their neighbour (optimal string
 * alignment).
 */
function errorsBetween(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return Number.POSITIVE_INFINITY;
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
