// From the JSON of a body to the messages that go to ingest: one, except that each message of a
// batch goes there alone. A fault of shape inside a message of a batch refuses that message; any
// other fault refuses the request.

import type { FieldFault, Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { itemOfPath, pathInItem } from '../../services/core/accept/batch-items.ts';
import { acceptLimits } from '../../services/core/limits/accept.ts';
import type { Method } from '../../services/runtime/contract.ts';
import { malformed } from '../refusals.ts';
import { Faults } from './faults.ts';
import type { ParsedBody } from './parse.ts';
import { isObject, readMessage, type TypedMessage } from './read-message.ts';

const SEND_MESSAGE = '/packetboat.v1.MessagesService/SendMessage';
export const SEND_MESSAGE_BATCH = '/packetboat.v1.MessagesService/SendMessageBatch';

/** The rpc whose request each item of a request is: that of the request, except in a batch. */
export const rpcOfItems = (path: string): string => (path === SEND_MESSAGE_BATCH ? SEND_MESSAGE : path);

export type ReadItem = { readonly message: TypedMessage } | { readonly refused: Refusal };

/**
 * Adds the faults of the request to `faults`; the items mean something only when no fault was added.
 * @param bound names of fields that the URL says, which the body must not
 */
export function readItems(
  { path, requestType }: Pick<Method, 'path' | 'requestType'>,
  { json, repeated }: ParsedBody,
  faults: Faults,
  bound: ReadonlySet<string>,
): readonly ReadItem[] {
  if (path === SEND_MESSAGE_BATCH && isObject(json)) {
    const messages = json.messages ?? [];
    if (Array.isArray(messages)) return readBatch(requestType, { json, messages, repeated }, faults);
  }
  for (const fault of repeated) faults.add(fault.field, fault.code, fault.message);
  return repeated.length > 0 ? [] : [{ message: readMessage(requestType, json, faults, bound) }];
}

interface BatchBody {
  readonly json: Readonly<Record<string, unknown>>;
  readonly messages: readonly unknown[];
  readonly repeated: readonly FieldFault[];
}

function readBatch(
  requestType: Method['requestType'],
  { json, messages, repeated }: BatchBody,
  faults: Faults,
): readonly ReadItem[] {
  const items = requestType.fields.get('messages')?.value;
  if (items?.kind !== 'message') throw new Error('the contract has no messages in a batch');
  readMessage(requestType, { ...json, messages: [] }, faults);
  for (const [i, message] of messages.entries())
    if (!isObject(message)) faults.add(`messages[${i}]`, 'wrong_type', 'This must be an object.');
  const ofItems = Map.groupBy(repeated, ({ field }) => itemOfPath(field));
  // beyond the most faults that are collected, a repeated name of another item is unknown
  const ofRequest = repeated.length < acceptLimits.fieldFaultsMax ? (ofItems.get(null) ?? []) : repeated;
  for (const fault of ofRequest) faults.add(fault.field, fault.code, fault.message);
  if (faults.list.length > 0) return [];
  return messages.map((message, i) => {
    const own = new Faults();
    for (const { field, code, message: text } of ofItems.get(i) ?? []) own.add(pathInItem(field), code, text);
    const read = own.list.length > 0 ? {} : readMessage(items.type, message, own);
    return own.list.length > 0 ? { refused: malformed(own.list) } : { message: read };
  });
}
