// From the bytes of a body to JSON. Errors of JSON.parse quote the body, so answers name only the
// place of a fault. An object that has a name twice is refused, since JSON.parse would drop the
// first value.

import { isUtf8 } from 'node:buffer';
import type { Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { malformed } from '../ingest/refusal.ts';
import { repeatedNames } from './repeated-names.ts';

type Parsed = { readonly json: unknown } | { readonly refused: Refusal };

/** No text at all is an empty object: a body may be missing. */
export function parseJson(text: string | null): Parsed {
  if (text === null) return { refused: malformed([], 'The body is not valid UTF-8.') };
  if (text === '') return { json: {} };
  try {
    const json: unknown = JSON.parse(text);
    const faults = repeatedNames(text, json);
    return faults.length === 0 ? { json } : { refused: malformed(faults) };
  } catch (error) {
    if (String(error).includes('Unexpected end'))
      return { refused: malformed([], 'The body ends in the middle of its JSON.') };
    const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(String(error)) ?? [];
    return {
      refused: malformed(
        [],
        `The body is not valid JSON${line === undefined ? '' : ` (line ${line}, column ${column})`}.`,
      ),
    };
  }
}

/** Null: not UTF-8. */
export const decodeText = (bytes: Buffer): string | null => (isUtf8(bytes) ? bytes.toString('utf8') : null);
