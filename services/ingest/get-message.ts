// The state of one message. Another tenant's message is not found.

import { Failure } from '../core/failure.ts';
import { parseMessageId } from '../core/ids.ts';
import type { Message } from '../core/message.ts';
import type { Principal } from '../core/principal.ts';
import type { Ingest } from './ingest.ts';

/** Throws `not_found`; also the first step of every call that names a message. */
export async function getMessage(ingest: Ingest, principal: Principal, id: string): Promise<Message> {
  const messageId = parseMessageId(id);
  const [message] = messageId === null ? [null] : await ingest.messages.find([messageId]);
  if (message == null || message.tenant !== principal.tenant) throw new Failure('not_found', 'There is no message of this id.');
  return message;
}
