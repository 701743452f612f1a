// Cancelling (P7): what waits is cancelled at once; what is in flight, or may have been sent,
// answers a conflict.

import type { Caller } from '../core/access/caller.ts';
import { cancel } from '../core/delivery/delivery.ts';
import { type Message, viewOf } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { getMessage } from './get-message.ts';
import type { Ingest } from './ingest.ts';

/**
 * Decisions that were overtaken are made again; a delivery changes hands a few times at most while
 * a client waits.
 */
const ROUNDS = 10;

/**
 * Answers the message as it stands after at least one delivery was cancelled by this call or
 * before. Throws `not_found` and `conflict`.
 */
export async function cancelMessage(ingest: Ingest, caller: Caller, id: string): Promise<Message> {
  for (let round = 0; round < ROUNDS; round++) {
    const message = await getMessage(ingest, caller, id);
    const decisions = message.deliveries.map((_, i) => cancel(viewOf(message, i)));
    const changes = decisions.flatMap((d) => (d.change === null ? [] : [d.change]));
    const made = await ingest.messages.apply(changes);
    if (made.includes(null)) continue;
    if (decisions.some((d) => d.kind === 'in_flight')) {
      throw new Failure(
        'conflict',
        'The message is being sent, or may have been: what still waited is cancelled, what is in flight is if it defers.',
        { code: 'in_flight' },
      );
    }
    if (changes.length > 0) return getMessage(ingest, caller, id);
    if (message.deliveries.some((d) => d.state === 'cancelled')) return message;
    throw new Failure('not_found', 'The message has already been sent, or has ended otherwise.', {
      code: 'already_sent',
    });
  }
  throw new Failure('conflict', 'The message changes too fast to be cancelled; try again.', {
    code: 'in_flight',
  });
}
