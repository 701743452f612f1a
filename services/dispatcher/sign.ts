// Signs a composed mail. Each key is parsed once. RSA runs on the threads of libuv, because it
// would block the event loop for 0.4 ms per mail.

import { createHash, createPrivateKey, type KeyObject, sign as signWith } from 'node:crypto';
import { promisify } from 'node:util';
import type { DkimKey, Sender } from '../core/catalog/catalog.ts';
import { Failure } from '../core/failure.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import { BodyHash } from '../core/mail/dkim/canonical.ts';
import { signedField, type ToSign, unsigned } from '../core/mail/dkim/signature.ts';

const signAsync = promisify(signWith) as (
  algorithm: string | null,
  data: Uint8Array,
  key: KeyObject,
) => Promise<Buffer>;
const END_OF_HEADER = '\r\n\r\n';

/**
 * Parsed private keys by fingerprint; above `dispatchLimits.signingKeysMax` the oldest is dropped.
 */
export class SigningKeys {
  readonly #keys = new Map<string, KeyObject>();

  get({ fingerprint, privateKey }: DkimKey): KeyObject {
    const known = this.#keys.get(fingerprint);
    if (known !== undefined) return known;
    // mail that cannot be signed waits: receivers would take unsigned mail for a forgery
    if (privateKey === null) throw new Failure('unavailable', 'a DKIM key could not be opened');
    const key = createPrivateKey(privateKey);
    this.#keys.set(fingerprint, key);
    const [oldest] = this.#keys.keys();
    if (this.#keys.size > dispatchLimits.signingKeysMax && oldest !== undefined) this.#keys.delete(oldest);
    return key;
  }
}

export interface SignableMail {
  /** The whole header, and at least the beginning of the body. */
  readonly head: Uint8Array;
  /** All bytes of the mail, including `head`. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The Date of the mail, in milliseconds since 1970. */
  readonly time: number;
}

export interface Signatures {
  /** The DKIM-Signature fields to put before the header: one for each active key. */
  readonly fields: Uint8Array;
  /** The size of the signed mail without these fields. */
  readonly bytes: number;
}

/** Reads the whole mail once. */
export async function signatures(
  keys: SigningKeys,
  { domain, dkim }: Pick<Sender, 'domain' | 'dkim'>,
  mail: SignableMail,
): Promise<Signatures> {
  const head = Buffer.from(mail.head.buffer, mail.head.byteOffset, mail.head.byteLength);
  const headerEnd = head.indexOf(END_OF_HEADER);
  if (headerEnd < 0) throw new Error('a mail begins with its whole header');
  const header = head.toString('latin1', 0, headerEnd);
  const { bodyHash, bytes } = await readWhole(mail.bytes, headerEnd + END_OF_HEADER.length);
  const fields = dkim.map((key) =>
    sign(keys.get(key), {
      header,
      bodyHash,
      domain,
      selector: key.selector,
      algorithm: key.algorithm,
      time: mail.time,
    }),
  );
  return { fields: Buffer.from((await Promise.all(fields)).join(''), 'latin1'), bytes };
}

async function readWhole(
  bytes: AsyncIterable<Uint8Array>,
  bodyStart: number,
): Promise<{ readonly bodyHash: string; readonly bytes: number }> {
  const hash = new BodyHash();
  let at = 0;
  for await (const chunk of bytes) {
    const skip = Math.max(0, bodyStart - at);
    if (skip < chunk.length) hash.push(chunk.subarray(skip));
    at += chunk.length;
  }
  return { bodyHash: hash.digest(), bytes: at };
}

async function sign(key: KeyObject, toSign: ToSign): Promise<string> {
  const open = unsigned(toSign);
  const data = Buffer.from(open.data, 'latin1');
  const isRsa = toSign.algorithm === 'rsa-sha256';
  // RFC 8463: Ed25519 signs the hash
  return signedField(
    open,
    isRsa
      ? await signAsync('sha256', data, key)
      : await signAsync(null, createHash('sha256').update(data).digest(), key),
  );
}
