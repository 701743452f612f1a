// The state of one message. A message of another tenant, or beyond the caller's reach, is not
// found: the answer must not show that it exists.

import { type Caller, reaches } from '../core/access/caller.ts';
import type { Message } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { parseMessageId } from '../core/ids.ts';
import type { Ingest } from './ingest-parts.ts';

/** Throws `not_found`; also the first step of every call that names a message. */
export async function getMessage(
  { messages }: Pick<Ingest, 'messages'>,
  caller: Caller,
  id: string,
): Promise<Message> {
  const messageId = parseMessageId(id);
  const [message] = messageId === null ? [null] : await messages.find([messageId]);
  if (message == null || message.tenant !== caller.tenant || !reaches(caller.reach, message))
    throw new Failure('not_found', 'There is no message of this id.');
  return message;
}
