// The code by which an installation recognizes a DKIM key that it generated: a MAC over the public
// half and over everything that the key is for. A copy of the Secret for another sender, domain or
// namespace does not verify.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Key, Keys } from './keyring.ts';

/** What a DKIM key is for. */
export interface DkimKeyOwner {
  readonly namespace: string;
  readonly sender: string;
  readonly domain: string;
  readonly selector: string;
  /** SHA-256, in hex, of the public key. */
  readonly fingerprint: string;
}

const MAC_BYTES = 32;

/** `<id of the active key>:<hex>`. */
export const dkimMac = (keys: Keys, owner: DkimKeyOwner): string =>
  `${keys[0].id}:${digestOf(keys[0], owner).toString('hex')}`;

/** True if one of the keys made this text for the same owner. */
export function isDkimMac(keys: Keys, owner: DkimKeyOwner, text: string): boolean {
  const [id, hex = ''] = text.split(':');
  const key = keys.find((each) => each.id === id);
  const given = Buffer.from(hex, 'hex');
  return key !== undefined && given.length === MAC_BYTES && timingSafeEqual(given, digestOf(key, owner));
}

/** The keys of the keyring also seal, so the MAC has a key that is derived for it. */
function digestOf(
  { secret }: Key,
  { namespace, sender, domain, selector, fingerprint }: DkimKeyOwner,
): Buffer {
  const derived = hkdfSync('sha256', secret, '', 'packetboat dkim secret', MAC_BYTES);
  return createHmac('sha256', new Uint8Array(derived))
    .update(JSON.stringify([namespace, sender, domain, selector, fingerprint]))
    .digest();
}
