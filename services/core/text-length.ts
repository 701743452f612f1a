// The length of a text in Unicode code points, as people and the contract count it.

/** Whether a text has more code points than this. */
export function isLongerThan(text: string, most: number): boolean {
  if (text.length <= most) return false;
  if (text.length > 2 * most) return true;
  let count = 0;
  for (const _ of text) count++;
  return count > most;
}
