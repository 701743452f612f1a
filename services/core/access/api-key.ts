// Makes and parses API keys. A key has 12 characters of id, 40 of secret (200 bits) and a checksum,
// so that a mistyped key is recognised without asking the store, and scanners find a leaked key.
// Users choose a bootstrap key themselves; its id comes from its SHA-256. Only the SHA-256 of a key
// is stored. `access/key-text.ts` has the patterns.

import { createHash, timingSafeEqual } from 'node:crypto';
import { sortableId } from '../ids.ts';
import { checksumOf, readKeyText } from './key-text.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The parts of a key's text. `id` is the key's id in the store. */
interface PresentedKey {
  readonly id: string;
  /** SHA-256 of the whole key, hex. */
  readonly secretHash: string;
}

/** Random bytes that one key needs. */
export const KEY_RANDOM_BYTES = 40;

/** Makes a key; `random` must be cryptographically strong. */
export function makeKey(
  environment: 'draft' | 'testing' | 'live',
  random: Uint8Array,
): { readonly text: string; readonly key: PresentedKey } {
  const letters = [0, 10, 20, 30].map((at) => sortableId(0, random.subarray(at, at + 10)).slice(10)).join('');
  const body = `sk_${environment === 'live' ? 'live' : 'test'}_${letters.slice(0, 12)}${letters.slice(12, 52)}`;
  const text = body + checksumOf(body);
  return { text, key: { id: letters.slice(0, 12), secretHash: sha256(text) } };
}

/** Null: the text does not have the form of a key. */
export function readKey(text: string): PresentedKey | null {
  const read = readKeyText(text);
  if (read === null) return null;
  return read.kind === 'made' ? { id: read.id, secretHash: sha256(text) } : bootstrapKey(text);
}

/** Whether a user may choose the text as the first key: a live key of either form. */
export const isBootstrapKey = (text: string): boolean =>
  text.startsWith('sk_live_') && readKeyText(text) !== null;

/** The id of a bootstrap key. Users choose such keys, and so their entropy, themselves. */
export function bootstrapKey(text: string): PresentedKey {
  const secretHash = sha256(text);
  return { id: `boot${secretHash.slice(0, 12)}`, secretHash };
}

/** Compares in constant time. */
export const isSameSecret = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
