// From the bytes of a body to JSON. What JSON.parse says of a fault quotes the body, so only the place is told.

import { isUtf8 } from 'node:buffer';
import type { Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { malformed } from '../ingest/refusal.ts';

export type Parsed = { readonly json: unknown } | { readonly refused: Refusal };

/** No text at all is an empty object: a body may be missing. */
export function parseJson(text: string | null): Parsed {
  if (text === null) return { refused: malformed([], 'The body is not valid UTF-8.') };
  if (text === '') return { json: {} };
  try {
    return { json: JSON.parse(text) };
  } catch (error) {
    if (String(error).includes('Unexpected end')) return { refused: malformed([], 'The body ends in the middle of its JSON.') };
    const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(String(error)) ?? [];
    return { refused: malformed([], `The body is not valid JSON${line === undefined ? '' : ` (line ${line}, column ${column})`}.`) };
  }
}

/** Null: not UTF-8. */
export const decodeText = (bytes: Buffer): string | null => (isUtf8(bytes) ? bytes.toString('utf8') : null);
