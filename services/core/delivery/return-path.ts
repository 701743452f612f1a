// Makes and parses the envelope sender of a delivery; no other file does (R8, S18). Each delivery
// has its own envelope sender (VERP), so that a bounce names its delivery. An HMAC in it keeps
// others from forging a bounce. It is never copied from From.

import { timingSafeEqual } from 'node:crypto';
import type { Address } from '../address.ts';
import { type MessageId, parseMessageId } from '../ids.ts';
import { hmacSha256 } from '../secrets/hmac.ts';

/**
 * `b+msg_<26>.<delivery index>.<16 hex digits of the HMAC>`: at most 52 octets before the `@`, and
 * all lower case, since relays fold the case.
 */
const shape = /^b\+(msg_[0-9a-z]{26})\.(0|[1-9]\d{0,3})\.([0-9a-f]{16})$/;

/** 64 bits: too many to guess over SMTP. */
const macDigits = 16;

/**
 * The envelope sender of one delivery at `domain`. It stays the same for all attempts as long as
 * the first of the keyring's keys for `return` does.
 */
export function returnPath(
  delivery: { readonly message: MessageId; readonly index: number },
  domain: string,
  key: Uint8Array,
): Address {
  const name = `${delivery.message}.${delivery.index}`;
  return `b+${name}.${mac(name, key)}@${domain}` as Address;
}

/**
 * Returns the delivery that a bounce is about, from the address that the bounce was sent to. Null
 * if none of `keys` made the address. Old keys are still accepted, because bounces arrive for days
 * after a key was replaced. The caller checks the domain, because only the caller knows its
 * domains. Will be called by the receiver of bounces.
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

function mac(name: string, key: Uint8Array): string {
  return hmacSha256(key, name).toString('hex').slice(0, macDigits);
}
