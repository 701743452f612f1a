// From the bytes of a body to JSON. Errors of JSON.parse quote the body, so answers name only the
// place of a fault. Names that an object has twice are reported, since JSON.parse would drop the
// first value. Numbers that a double does not hold are kept as `LongNumber`.

import { isUtf8 } from 'node:buffer';
import type { FieldFault, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { malformed } from '../refusals.ts';
import { parseWithLongNumbers } from './long-number.ts';
import { repeatedNames } from './repeated-names.ts';
import { scanText } from './text-scan.ts';

export interface ParsedBody {
  readonly json: unknown;
  /** A fault for each repeated name. The request or item that has one must be refused. */
  readonly repeated: readonly FieldFault[];
}

type Parsed = ParsedBody | { readonly refused: Refusal };

/** No text at all is an empty object: a body may be missing. */
export function parseJson(text: string | null): Parsed {
  if (text === null) return { refused: malformed([], 'The body is not valid UTF-8.') };
  if (text === '') return { json: {}, repeated: [] };
  try {
    const json: unknown = JSON.parse(text);
    const { names, hasLongNumbers } = scanText(text);
    const repeated = repeatedNames(text, json, names);
    return { json: hasLongNumbers ? parseWithLongNumbers(text) : json, repeated };
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
