// Finds names that one JSON object has more than once. JSON.parse keeps the last value of such a
// name, so recipients could vanish without a word. Counting is cheap and done for each body; only
// when fewer names were kept than the text has is their place looked for.

import { doorLimits } from '../../services/core/limits/door.ts';
import { below, Faults } from './faults.ts';
import { endOfString, isName } from './text-scan.ts';

/**
 * A fault for each repetition.
 * @param json what JSON.parse made of `text`
 * @param names how many names `text` has
 */
export function repeatedNames(text: string, json: unknown, names: number): Faults['list'] {
  return names === namesKept(json) ? [] : locate(text).list;
}

/** Without recursion, because bodies that are too deep are refused later. */
function namesKept(json: unknown): number {
  let count = 0;
  const open = [json];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const values = Object.values(value);
    if (!Array.isArray(value)) count += values.length;
    for (const inner of values) if (typeof inner === 'object' && inner !== null) open.push(inner);
  }
  return count;
}

/** An object or array that is open. */
type Frame = { readonly names: Set<string>; name: string } | { index: number };

/**
 * Values deeper than a body may have are skipped: the reader refuses such a body anyway, and no
 * path is longer.
 */
function locate(text: string): Faults {
  const faults = new Faults();
  const frames: Frame[] = [];
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    const frame = depth === frames.length ? frames.at(-1) : undefined;
    if (char === '{' || char === '[') {
      if (++depth <= doorLimits.jsonDepthMax)
        frames.push(char === '{' ? { names: new Set(), name: '' } : { index: 0 });
    } else if (char === '}' || char === ']') {
      if (depth-- === frames.length) frames.pop();
    } else if (char === ',' && frame !== undefined && 'index' in frame) frame.index++;
    else if (char === '"') {
      const end = endOfString(text, at);
      if (frame !== undefined && 'names' in frame && isName(text, end)) {
        // a name may be written in several ways: `to` and `\u0074o` are the same
        frame.name = JSON.parse(text.slice(at, end));
        if (frame.names.has(frame.name))
          faults.add(pathOf(frames), 'repeated', 'An object may have each name only once.');
        frame.names.add(frame.name);
      }
      at = end - 1;
    }
  }
  return faults;
}

const pathOf = (frames: readonly Frame[]): string =>
  frames.reduce(
    (path, frame) => ('index' in frame ? `${path}[${frame.index}]` : below(path, frame.name)),
    '',
  );
