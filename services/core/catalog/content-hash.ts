// The hash that tells whether two compilations of an object are equal.

import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';

/** SHA-256, in hex, of the canonical JSON. */
export function contentHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
