// A sender as a store keeps it: its secrets (relay logins and DKIM private keys) are sealed, and
// all other fields are readable.

import type { Key, Keys } from '../secrets/keyring.ts';
import { open, seal, sealedWith } from '../secrets/seal.ts';
import { type RouteCredentials, type Sender, senderKey } from './catalog.ts';

export interface SealedSender {
  /** The sender as JSON, without its secrets. */
  readonly config: string;
  readonly sealed: readonly { readonly field: string; readonly value: string }[];
}

const loginField = (route: string): string => `routes/${route}/credentials`;
const keyField = (selector: string): string => `dkim/${selector}`;

/**
 * Seals the secrets of a sender with the active key. `nonce` returns `NONCE_BYTES` new random bytes
 * at each call.
 */
export function sealSender(sender: Sender, keys: Keys, nonce: () => Uint8Array): SealedSender {
  const document = senderKey(sender.tenant, sender.name);
  return {
    config: configOf(sender),
    sealed: secretsOf(sender).map(({ field, value }) => ({
      field,
      value: seal(keys, { document, field }, value, nonce()),
    })),
  };
}

/**
 * Without `keys`, all secrets are null. With `keys`, throws `Failure('internal')` if a secret
 * cannot be opened.
 */
export function openSender(stored: SealedSender, keys: readonly Key[] | null): Sender {
  const sender = JSON.parse(stored.config) as Sender;
  if (keys === null || stored.sealed.length === 0) return sender;
  const document = senderKey(sender.tenant, sender.name);
  const values = new Map(stored.sealed.map(({ field, value }) => [field, value]));
  const secret = (field: string): string | null => {
    const value = values.get(field);
    return value === undefined ? null : open(keys, { document, field }, value);
  };
  return {
    ...sender,
    routes: sender.routes.map((route) => ({
      ...route,
      credentials: readCredentials(secret(loginField(route.name)), sender),
    })),
    // senders stored by versions before DKIM keys have no such field
    dkim: (sender.dkim ?? []).map((key) => ({ ...key, privateKey: secret(keyField(key.selector)) })),
  };
}

/**
 * True if the stored sender equals `sender`, secrets included, and is sealed with the active key.
 * Otherwise it must be written even if the hash is the same: a login was changed, or somebody
 * edited the stored document.
 */
export function isStoredAs(stored: SealedSender, sender: Sender, keys: Keys): boolean {
  if (stored.config !== configOf(sender)) return false;
  if (stored.sealed.some(({ value }) => sealedWith(value) !== keys[0].id)) return false;
  try {
    return JSON.stringify(secretsOf(openSender(stored, keys))) === JSON.stringify(secretsOf(sender));
  } catch {
    // a value that cannot be opened must be sealed again
    return false;
  }
}

/** The owner of a token is the sender itself, so it is not sealed with the token. */
function readCredentials(text: string | null, { tenant, name }: Sender): RouteCredentials | null {
  if (text === null) return null;
  const found = JSON.parse(text) as { username: string; password?: string; accessToken?: string };
  const { username, password = '', accessToken } = found;
  return accessToken === undefined ? { username, password } : { username, accessToken, tenant, sender: name };
}

function configOf(sender: Sender): string {
  return JSON.stringify({
    ...sender,
    routes: sender.routes.map((route) => ({ ...route, credentials: null })),
    dkim: sender.dkim.map((key) => ({ ...key, privateKey: null })),
  });
}

function secretsOf({ routes, dkim }: Sender): { readonly field: string; readonly value: string }[] {
  return [
    ...routes.flatMap(({ name, credentials }) => {
      if (credentials === null) return [];
      const { username, password, accessToken } = credentials;
      const value = JSON.stringify(
        accessToken === undefined ? { username, password } : { username, accessToken },
      );
      return [{ field: loginField(name), value }];
    }),
    ...dkim.flatMap(({ selector, privateKey }) =>
      privateKey === null ? [] : [{ field: keyField(selector), value: privateKey }],
    ),
  ];
}
