// The rules of a batch that REST and gRPC share: how many messages it has, where its idempotency
// keys are, what its results say, and which item a fault belongs to.

import type { FieldError } from '../failure.ts';
import { acceptLimits } from '../limits/accept.ts';

interface BatchFault {
  /** Whether the request does not match the contract (400 instead of 422). */
  readonly isMalformed: boolean;
  readonly message: string;
  readonly error: FieldError;
}

/**
 * The fault of a batch as a whole; null: none.
 * @param keys the idempotency keys in the headers of the request
 */
export function faultOfBatch(keys: readonly string[], items: number): BatchFault | null {
  const { batchItemsMax } = acceptLimits;
  const ofMessages = (code: string, message: string): BatchFault => ({
    isMalformed: false,
    message: 'One field is not valid.',
    error: { field: 'messages', code, message },
  });
  if (keys.length > 0)
    return {
      isMalformed: true,
      message: 'The header Idempotency-Key is not allowed for a batch.',
      error: {
        field: 'messages[].idempotency_key',
        code: 'misplaced_idempotency_key',
        message: 'Set idempotency_key in each message that needs one, and leave out the header.',
      },
    };
  if (items === 0) return ofMessages('missing', 'This field is required.');
  if (items > batchItemsMax)
    return ofMessages('too_many_messages', `At most ${batchItemsMax} messages are allowed.`);
  return null;
}

interface Refused {
  readonly code: string;
  readonly message: string;
  readonly errors: FieldError[];
  /** Empty: the message was not stored. */
  readonly message_id: string;
}

/** The result of an item, in the form of the contract. */
export function resultOfItem<Accepted extends object>({
  accepted,
  refused,
  replayed,
}: {
  readonly accepted?: Accepted | undefined;
  readonly refused?: Refused | undefined;
  readonly replayed: boolean;
}) {
  if (accepted !== undefined) return { ...accepted, replayed, error: undefined };
  if (refused === undefined) throw new Error('an item was neither accepted nor refused');
  const { code, message, errors, message_id } = refused;
  return {
    message_id: message_id === '' ? undefined : message_id,
    status: undefined,
    recipient: undefined,
    created_at: undefined,
    replayed: undefined,
    error: { code, message, errors },
  };
}

const ITEM = /^messages\[(\d+)\]\.?/;

/** The item that has the field, for `messages[3].to[0]`; null: a field of the batch. */
export function itemOfPath(path: string): number | null {
  const [, index] = ITEM.exec(path) ?? [];
  return index === undefined ? null : Number(index);
}

/** The path as the item has it: `to[0]`. */
export const pathInItem = (path: string): string => path.replace(ITEM, '');
