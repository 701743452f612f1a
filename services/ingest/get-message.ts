// Returns the state of one message. For a message of another tenant, or of a sender that the caller
// may not use, the response is the same as for an unknown id.

import { type Caller, reaches } from '../core/access/caller.ts';
import type { Message } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { parseMessageId } from '../core/ids.ts';
import type { Ingest } from './ingest-parts.ts';

/** Throws `not_found`. Every call that names a message starts with this function. */
export async function getMessage(
  { messages }: Pick<Ingest, 'messages'>,
  caller: Caller,
  id: string,
): Promise<Message> {
  const messageId = parseMessageId(id);
  const [message] = messageId === null ? [null] : await messages.find([messageId]);
  if (message == null || message.tenant !== caller.tenant || !reaches(caller.reach, message))
    throw new Failure('not_found', 'There is no message with this id.');
  return message;
}
