// Makes and parses identifiers, which are sortable by time and random. The time and the random
// bytes are arguments.

import { Failure } from './failure.ts';

declare const messageIdBrand: unique symbol;
/**
 * `msg_` and 26 characters of Crockford base 32 in lower case: 48 bits of milliseconds, 80 random
 * bits. Sorts by time.
 */
export type MessageId = string & { readonly [messageIdBrand]: true };

declare const blobIdBrand: unique symbol;
/** `blob_` and 26 characters, made like a message id. */
export type BlobId = string & { readonly [blobIdBrand]: true };

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const ID = /^[0-9a-hjkmnp-tv-z]{26}$/;
/** Random bytes that one id takes. */
export const ID_RANDOM_BYTES = 10;

/** 26 characters: 10 of time, 16 of randomness. */
export function sortableId(nowMs: number, random: Uint8Array): string {
  if (random.length < ID_RANDOM_BYTES) throw new Error('an id takes 10 random bytes');
  let time = '';
  for (let rest = Math.floor(nowMs), i = 0; i < 10; i++, rest = Math.floor(rest / 32))
    time = ALPHABET.charAt(rest % 32) + time;
  let tail = '';
  for (let half = 0; half < ID_RANDOM_BYTES; half += 5) {
    // five bytes are eight characters; 40 bits do not fit into a bitwise operation, so split 20 +
    // 20
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = random.subarray(half, half + 5);
    for (const bits of [(a << 12) | (b << 4) | (c >> 4), ((c & 15) << 16) | (d << 8) | e]) {
      tail +=
        ALPHABET.charAt(bits >> 15) +
        ALPHABET.charAt((bits >> 10) & 31) +
        ALPHABET.charAt((bits >> 5) & 31) +
        ALPHABET.charAt(bits & 31);
    }
  }
  return time + tail;
}

export const messageId = (nowMs: number, random: Uint8Array): MessageId =>
  `msg_${sortableId(nowMs, random)}` as MessageId;
export const blobId = (nowMs: number, random: Uint8Array): BlobId =>
  `blob_${sortableId(nowMs, random)}` as BlobId;

/** Null when the text cannot be a message id; callers then answer 404, as for any unknown id. */
export const parseMessageId = (text: string): MessageId | null =>
  text.startsWith('msg_') && ID.test(text.slice(4)) ? (text as MessageId) : null;

/** Throws `invalid`: blob ids come from our own gateway only. */
export function parseBlobId(text: string): BlobId {
  if (!text.startsWith('blob_') || !ID.test(text.slice(5))) throw new Failure('invalid', 'malformed blob id');
  return text as BlobId;
}
