// The envelope sender, in the one place that makes it (R8, S18). Each delivery has its own (VERP),
// so that a bounce names what it is about, and an HMAC, so that nobody can invent a bounce for a
// delivery that is not his. It is never copied from From.

import { timingSafeEqual } from 'node:crypto';
import type { Address } from '../address.ts';
import { type MessageId, parseMessageId } from '../ids.ts';
import { hmacSha256 } from '../secrets/hmac.ts';

/**
 * `b+msg_<26>.<delivery index>.<16 of HMAC>`: at most 52 octets before the `@`, and lower case
 * throughout, since relays fold it.
 */
const shape = /^b\+(msg_[0-9a-z]{26})\.(0|[1-9]\d{0,3})\.([0-9a-f]{16})$/;

/** Hexadecimal digits of the HMAC that are kept: 64 bits, which nobody can try out over SMTP. */
const macDigits = 16;

/**
 * The envelope sender of one delivery: the same for each of its attempts, as long as the first of
 * the keyring's keys for `return` stays.
 */
export function returnPath(
  delivery: { readonly message: MessageId; readonly index: number },
  domain: string,
  key: Uint8Array,
): Address {
  const subject = `${delivery.message}.${delivery.index}`;
  return `b+${subject}.${mac(subject, key)}@${domain}` as Address;
}

/**
 * Which delivery a bounce is about, by the address that it was sent to. Null for anything that none
 * of the keys has made; several, because bounces arrive for days after a key was replaced. The
 * domain is the caller's to judge: it knows whose mail it takes.
 */
export function parseReturnPath(
  address: string,
  keys: readonly Uint8Array[],
): { readonly message: MessageId; readonly index: number } | null {
  const at = address.lastIndexOf('@');
  const match = at < 0 || at > 64 ? null : shape.exec(address.slice(0, at).toLowerCase());
  const [, id = '', index = '', claimed = ''] = match ?? [];
  const message = parseMessageId(id);
  if (message === null) return null;
  const given = Buffer.from(claimed);
  const isOurs = keys.some((key) => timingSafeEqual(given, Buffer.from(mac(`${id}.${index}`, key))));
  return isOurs ? { message, index: Number(index) } : null;
}

function mac(subject: string, key: Uint8Array): string {
  return hmacSha256(key, subject).toString('hex').slice(0, macDigits);
}
