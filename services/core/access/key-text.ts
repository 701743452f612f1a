// The form of an API key as text. The gateway refuses a text of another form before it reads a
// body, and the core parses keys by the same patterns. A generated key is `sk_live_` or `sk_test_`,
// 12 characters of id, 40 of secret and 6 of checksum. A bootstrap key, which users choose
// themselves, is `sk_live_` and 24 to 200 letters, digits and underscores.

import { hash } from 'node:crypto';

const MADE = /^sk_(?:live|test)_([0-9a-z]{12})[0-9a-z]{40}([0-9a-f]{6})$/;
const OWN = /^sk_live_[A-Za-z0-9_]{24,200}$/;
const CHECKSUM_CHARS = 6;

/** `id`: the id of a generated key in the store; a bootstrap key does not contain its id. */
type KeyText = { readonly kind: 'made'; readonly id: string } | { readonly kind: 'bootstrap' };

/**
 * The reasons for which a text is refused without a look-up, as messages for the caller. REST and
 * gRPC return the same messages.
 */
export const keyTextFaults = {
  missing: 'A request needs an API key, as Authorization: Bearer sk_live_… or as X-Api-Token: sk_live_….',
  another_scheme:
    'The header Authorization must be the word Bearer, a space and the API key: Authorization: Bearer sk_live_….',
  malformed: 'This is not a complete API key. API keys begin with sk_live_ or sk_test_.',
} as const;
export type KeyTextFault = keyof typeof keyTextFaults;

const BEARER = /^bearer +(\S+) *$/i;

/**
 * Returns the text of the API key in the headers of a request or the metadata of a call; empty:
 * none. `authorization` with the scheme Bearer (RFC 6750) takes precedence over `x-api-token`.
 */
export const keyTextOf = (authorization: string, apiToken: string): string =>
  BEARER.exec(authorization)?.[1] ?? apiToken;

/**
 * Null: the text is not an API key, whatever the store contains. The checksum is part of a
 * generated key's form, so a mistyped key is usually distinguished from an unknown one.
 */
export function readKeyText(text: string): KeyText | null {
  const [, id, checksum] = MADE.exec(text) ?? [];
  if (id !== undefined)
    return checksum === checksumOf(text.slice(0, -CHECKSUM_CHARS)) ? { kind: 'made', id } : null;
  return OWN.test(text) ? { kind: 'bootstrap' } : null;
}

/** The checksum of a key: the first characters of the SHA-256 of the text before it. */
export const checksumOf = (body: string): string => hash('sha256', body).slice(0, CHECKSUM_CHARS);
