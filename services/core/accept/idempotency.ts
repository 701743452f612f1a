// Idempotency keys (P3, P4): their form, which requests count as equal, and the reply when a key is
// taken.

import { createHash } from 'node:crypto';
import { type Reach, reaches } from '../access/caller.ts';
import { canonicalJson } from '../catalog/canonical-json.ts';
import type { Message } from '../delivery/message.ts';
import { Failure, type FieldError } from '../failure.ts';
import { acceptLimits } from '../limits/accept.ts';
import { IDEMPOTENCY_KEY_HEADER } from '../mail/headers.ts';
import type { SendRequest, Uploaded } from './send-request.ts';

declare const keyBrand: unique symbol;
/** 1 to 255 printable ASCII characters. */
export type IdempotencyKey = string & { readonly [keyBrand]: true };

const SYNTAX = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** The path of the key in errors: the field, if the request has it, or the header. */
export const keyFieldOf = ({ idempotencyKey }: SendRequest): string =>
  idempotencyKey === null ? 'headers.Idempotency-Key' : 'idempotency_key';

/**
 * A request may name its key in several places; all must name the same key.
 * @param field the path of the key in errors
 */
export function parseIdempotencyKeys(
  given: readonly string[],
  field: string,
): {
  readonly key: IdempotencyKey | null;
  readonly errors: readonly FieldError[];
} {
  const [first, ...others] = new Set(given);
  if (first === undefined) return { key: null, errors: [] };
  if (others.length > 0) {
    return {
      key: null,
      errors: [
        {
          field,
          code: 'idempotency_keys_differ',
          message: 'The request names two different idempotency keys.',
        },
      ],
    };
  }
  if (first.length > acceptLimits.idempotencyKeyCharsMax || !SYNTAX.test(first)) {
    const message = `An idempotency key is 1 to ${acceptLimits.idempotencyKeyCharsMax} printable ASCII characters.`;
    return { key: null, errors: [{ field, code: 'invalid_idempotency_key', message }] };
  }
  return { key: first as IdempotencyKey, errors: [] };
}

/**
 * The fingerprint of a send request. Excludes the idempotency key, and includes the digests of blobs
 * instead of their ids, since a retry uploads its content again under other ids. Template data
 * counts by value, since its text may have the fields in another order.
 *
 * Messages keep fingerprints for 24 hours, so the fields here keep their names: a retry that reaches
 * a newer release must get the same fingerprint.
 */
export function fingerprintOf(request: SendRequest): string {
  const { idempotencyKey: _, ...rest } = request;
  const digest = (part: string | Uploaded | null): string | null =>
    typeof part === 'object' && part !== null ? part.sha256 : part;
  return fingerprint({
    ...rest,
    headers: Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name.toLowerCase() !== IDEMPOTENCY_KEY_HEADER),
    ),
    html: digest(request.html),
    text: digest(request.text),
    templateData: request.templateData?.values ?? null,
    templateDataBlob: null,
    attachments: request.attachments.map((a) => ({ ...a, content: digest(a.content) })),
  });
}

/** SHA-256 of a JSON value: equal for equal values, whatever the order of their fields. */
export function fingerprint(request: unknown): string {
  return createHash('sha256').update(canonicalJson(request)).digest('hex');
}

/** `outdated`: remove the key from that message, and try again. */
type KeyTaken =
  | { readonly kind: 'replay'; readonly message: Message }
  | { readonly kind: 'outdated' }
  | { readonly kind: 'reused'; readonly failure: Failure };

/**
 * Decides about a request whose idempotency key a message already holds. All callers of a tenant
 * share its idempotency keys, so the caller may not be allowed to see that message. Then the
 * request is refused like a different request: the refusal says that the key is taken, and reveals
 * nothing about the message.
 * @param wanted `field`: the path of the key in errors
 */
export function judgeTakenKey(
  holder: Message,
  wanted: { readonly fingerprint: string; readonly field: string },
  now: number,
  reach: Reach,
): KeyTaken {
  if (now - holder.createdAt >= acceptLimits.idempotencyWindowMs) return { kind: 'outdated' };
  if (holder.idempotency?.fingerprint === wanted.fingerprint && reaches(reach, holder))
    return { kind: 'replay', message: holder };
  const failure = new Failure(
    'invalid',
    'The idempotency key was used for a different request within the last 24 hours.',
    {
      code: 'idempotency_key_reused',
      errors: [
        {
          field: wanted.field,
          code: 'idempotency_key_reused',
          message: 'Use a new idempotency key for a new request.',
        },
      ],
    },
  );
  return { kind: 'reused', failure };
}
