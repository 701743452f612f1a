// From the bytes of a body to JSON. What JSON.parse says of a fault quotes the body, so only the place is told.

import { isUtf8 } from 'node:buffer';
import type { Refusal } from '../proto/gen/packetboat/internal/v1/ingest.ts';
import { malformed } from './refusal.ts';

export type Parsed = { readonly json: unknown } | { readonly refused: Refusal };

/** No bytes at all are an empty object: a body may be missing. */
export function parseJson(bytes: Buffer): Parsed {
  if (bytes.length === 0) return { json: {} };
  if (!isUtf8(bytes)) return { refused: malformed([], 'The body is not valid UTF-8.') };
  try {
    return { json: JSON.parse(bytes.toString('utf8')) };
  } catch (error) {
    const [, line, column] = /\(line (\d+) column (\d+)\)/.exec(String(error)) ?? [];
    return { refused: malformed([], `The body is not valid JSON${line === undefined ? '' : ` (line ${line}, column ${column})`}.`) };
  }
}
