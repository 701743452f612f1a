// Finds names that occur more than once in a JSON object. JSON.parse keeps only the last value, so
// recipients could be lost silently. For each body, the names in the text are counted, which is
// cheap. Only if JSON.parse kept fewer names, the text is searched for the repeated ones.

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

/** Not recursive, because bodies that are too deep are refused only later. */
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

/** An object or array whose end has not been read. */
type Frame = { readonly names: Set<string>; name: string } | { index: number };

/**
 * Skips values below the maximum depth: the reader refuses such a body anyway, and paths stay
 * short.
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
