// Operating errors between us and a store, a queue or a caller. A refusal that the caller of a
// function must handle is a value, not a Failure; a bug is an assertion. One table maps the kinds
// to gRPC (services/ingest/grpc-status.ts), another maps gRPC to HTTP (gateway).

import { acceptLimits } from './limits/accept.ts';

export type FailureKind =
  | 'invalid' // the caller's input; carries field errors
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict' // in flight, or a race that was lost
  | 'too_large'
  | 'rate_limited'
  | 'unavailable' // a dependency did not answer; safe to retry
  | 'data_loss' // stored content is damaged; another read returns the same
  | 'internal';

/**
 * One fault of one field. `field` is the path as the caller wrote it, for example `to[2]` or
 * `attachments[0].content`.
 */
export interface FieldError {
  readonly field: string;
  /** A stable word for programs, for example `invalid_address`. */
  readonly code: string;
  /** A sentence for people; never contains the value, which may be an address or a secret. */
  readonly message: string;
}

interface FailureOptions {
  /**
   * The stable `error.code` of the answer, for example `validation_failed` or
   * `idempotency_key_reused`.
   */
  readonly code?: string;
  readonly errors?: readonly FieldError[];
  /** For `rate_limited` and `unavailable`: when to come back, in milliseconds. */
  readonly retryAfterMs?: number;
  /**
   * For `unavailable` while accepting: the message may have been stored all the same, under this
   * id.
   */
  readonly messageId?: string;
  readonly cause?: unknown;
}

/**
 * Of a request that is well-shaped and refused for what it says. Names as many faults as one answer
 * may.
 */
export const validationFailed = (
  errors: readonly FieldError[],
  message = errors.length === 1 ? 'One field is not valid.' : `${errors.length} fields are not valid.`,
): Failure =>
  new Failure('invalid', message, {
    code: 'validation_failed',
    errors: errors.slice(0, acceptLimits.fieldFaultsMax),
  });

export class Failure extends Error {
  readonly kind: FailureKind;
  readonly code: string;
  readonly errors: readonly FieldError[];
  readonly retryAfterMs: number | null;
  readonly messageId: string | null;

  constructor(kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.kind = kind;
    this.code = options.code ?? kind;
    this.errors = options.errors ?? [];
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.messageId = options.messageId ?? null;
  }
}
