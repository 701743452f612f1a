// Seals secrets before they reach a store (S11) with AES-256-GCM. A sealed value is bound to its
// document and field, so a value that was moved elsewhere cannot be opened.

import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { Failure } from '../failure.ts';
import type { Key, Keys } from './keyring.ts';

/** The place of a sealed value: the id of its document, and the name of a field in it. */
interface SealContext {
  readonly document: string;
  readonly field: string;
}

/** Random bytes of one sealed value. With random nonces one key may seal 2^32 values. */
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals `text` with the active key. Returns `<key id>:<base64 of nonce, ciphertext and tag>`. */
export function seal(keys: Keys, context: SealContext, text: string, nonce: Uint8Array): string {
  if (nonce.length !== NONCE_BYTES) throw new Error(`a nonce has ${NONCE_BYTES} bytes`);
  const [key] = keys;
  const cipher = createCipheriv('aes-256-gcm', cipherKey(key), nonce).setAAD(boundTo(context));
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${key.id}:${sealed.toString('base64')}`;
}

/**
 * Opens a sealed value. Throws `Failure('internal')` if the keyring has no key of its id, if the
 * value was sealed for another place, or if it was changed.
 */
export function open(keys: readonly Key[], context: SealContext, sealed: string): string {
  const key = keys.find(({ id }) => id === sealedWith(sealed));
  if (key === undefined)
    throw new Failure('internal', `the keyring lacks the key that ${context.document} was sealed with`);
  const bytes = Buffer.from(sealed.slice(key.id.length + 1), 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES)
    throw new Failure('internal', `a sealed value of ${context.document} is truncated`);
  const decipher = createDecipheriv('aes-256-gcm', cipherKey(key), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(boundTo(context))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return (
      decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    );
  } catch (error) {
    throw new Failure(
      'internal',
      `a sealed value of ${context.document} was changed, or moved from another document or field`,
      {
        cause: error,
      },
    );
  }
}

/** The id of the key that sealed a value. */
export const sealedWith = (sealed: string): string => sealed.slice(0, Math.max(0, sealed.indexOf(':')));

const boundTo = ({ document, field }: SealContext): Buffer => Buffer.from(`${document}\n${field}`);

/** AES-256 takes 32 bytes; keys of the keyring may be longer. */
const cipherKey = ({ secret }: Key): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, '', 'packetboat seal', 32));
