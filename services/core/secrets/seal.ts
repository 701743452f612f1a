// Sealing secrets before they reach a store (S11): AES-256-GCM, bound to the document and field
// they belong to, so that a sealed value that was moved to another place does not open.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { Failure } from '../failure.ts';
import type { Key, Keys } from './keyring.ts';

/** Where a sealed value belongs: the id of its document, and a field in it. */
interface SealContext {
  readonly document: string;
  readonly field: string;
}

/** Random bytes that one sealed value takes. With random nonces a key may seal 2^32 values. */
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** `<key id>:<base64 of nonce, ciphertext, tag>`, made with the active key. */
export function seal(keys: Keys, place: SealContext, text: string, nonce: Uint8Array): string {
  if (nonce.length !== NONCE_BYTES) throw new Error(`a nonce has ${NONCE_BYTES} bytes`);
  const [key] = keys;
  const cipher = createCipheriv('aes-256-gcm', cipherKey(key), nonce).setAAD(boundTo(place));
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${key.id}:${sealed.toString('base64')}`;
}

/**
 * Throws `Failure('internal')`: made with a key that is not in the keyring, for another place, or
 * changed.
 */
export function open(keys: readonly Key[], place: SealContext, sealed: string): string {
  const key = keys.find(({ id }) => id === sealedWith(sealed));
  if (key === undefined)
    throw new Failure('internal', `the keyring lacks the key that ${place.document} was sealed with`);
  const bytes = Buffer.from(sealed.slice(key.id.length + 1), 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES)
    throw new Failure('internal', `a sealed value of ${place.document} is cut off`);
  const decipher = createDecipheriv('aes-256-gcm', cipherKey(key), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(boundTo(place))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return (
      decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    );
  } catch (error) {
    throw new Failure('internal', `a sealed value of ${place.document} was changed or belongs elsewhere`, {
      cause: error,
    });
  }
}

/** The id of the key that a value was sealed with. */
export const sealedWith = (sealed: string): string => sealed.slice(0, Math.max(0, sealed.indexOf(':')));

const boundTo = ({ document, field }: SealContext): Buffer => Buffer.from(`${document}\n${field}`);

/** Keys of the keyring may be longer than AES takes them. */
const cipherKey = ({ secret }: Key): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, '', 'packetboat seal', 32));
