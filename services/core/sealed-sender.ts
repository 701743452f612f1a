// A sender as it is stored: its logins sealed, all the rest readable.

import { type Sender, senderKey } from './catalog.ts';
import type { Key, Keys } from './keyring.ts';
import { open, seal, sealedWith } from './seal.ts';

export interface SealedSender {
  /** JSON of the sender, credentials left out. */
  readonly config: string;
  readonly sealed: readonly { readonly field: string; readonly value: string }[];
}

const fieldOf = (route: string): string => `routes/${route}/credentials`;

/** `nonce` gives `NONCE_BYTES` new random bytes at each call. */
export function sealSender(sender: Sender, keys: Keys, nonce: () => Uint8Array): SealedSender {
  const document = senderKey(sender.tenant, sender.name);
  return {
    config: JSON.stringify({ ...sender, routes: sender.routes.map((route) => ({ ...route, credentials: null })) }),
    sealed: sender.routes.flatMap(({ name, credentials }) => {
      const field = fieldOf(name);
      return credentials === null ? [] : [{ field, value: seal(keys, { document, field }, JSON.stringify(credentials), nonce()) }];
    }),
  };
}

/** Without keys, credentials are null. With keys it throws `Failure('internal')` when one does not open. */
export function openSender(stored: SealedSender, keys: readonly Key[] | null): Sender {
  const sender = JSON.parse(stored.config) as Sender;
  if (keys === null || stored.sealed.length === 0) return sender;
  const document = senderKey(sender.tenant, sender.name);
  const values = new Map(stored.sealed.map(({ field, value }) => [field, value]));
  return {
    ...sender,
    routes: sender.routes.map((route) => {
      const field = fieldOf(route.name);
      const value = values.get(field);
      return value === undefined ? route : { ...route, credentials: JSON.parse(open(keys, { document, field }, value)) };
    }),
  };
}

/** True when the stored logins are these, sealed with the active key; else they have to be written, although the hash is the same. */
export function holdsLogins(stored: SealedSender, sender: Sender, keys: Keys): boolean {
  if (stored.sealed.some(({ value }) => sealedWith(value) !== keys[0].id)) return false;
  try {
    return JSON.stringify(loginsOf(openSender(stored, keys))) === JSON.stringify(loginsOf(sender));
  } catch {
    // what does not open has to be sealed again
    return false;
  }
}

const loginsOf = (sender: Sender) => sender.routes.map(({ name, credentials }) => [name, credentials?.username, credentials?.password]);
