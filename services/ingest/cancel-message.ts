// Cancels a message (P7): waiting deliveries are cancelled at once. If a delivery is in flight, or
// may have been sent, the call fails with a conflict: a frozen dispatcher may still send a copy.

import type { Caller } from '../core/access/caller.ts';
import { cancel } from '../core/delivery/delivery.ts';
import { type Message, viewOf } from '../core/delivery/message.ts';
import { Failure } from '../core/failure.ts';
import { acceptLimits } from '../core/limits/accept.ts';
import { getMessage } from './get-message.ts';
import type { Ingest } from './ingest-parts.ts';

/**
 * Returns the message after at least one delivery was cancelled, by this call or an earlier one.
 * Throws `not_found` and `conflict`.
 */
export async function cancelMessage(
  ingest: Pick<Ingest, 'messages'>,
  caller: Caller,
  id: string,
): Promise<Message> {
  for (let tries = 0; tries < acceptLimits.cancelTriesMax; tries++) {
    const message = await getMessage(ingest, caller, id);
    const decisions = message.deliveries.map((_, i) => cancel(viewOf(message, i)));
    const changes = decisions.flatMap((d) => (d.change === null ? [] : [d.change]));
    const made = await ingest.messages.apply(changes);
    // a dispatcher changed a delivery after it was read: decide again
    if (made.includes(null)) continue;
    if (decisions.some((d) => d.kind === 'in_flight')) {
      throw new Failure(
        'conflict',
        'The message is being sent, or may have been sent. Waiting deliveries are cancelled; a delivery in flight is cancelled only if its attempt is deferred.',
        { code: 'in_flight' },
      );
    }
    const isCancelled = changes.length > 0 || message.deliveries.some((d) => d.state === 'cancelled');
    if (isCancelled && decisions.some((d) => d.kind === 'ended_in_doubt')) {
      throw new Failure(
        'conflict',
        'Waiting deliveries are cancelled. Another delivery of the message may have been sent, and a copy may still arrive.',
        { code: 'in_flight' },
      );
    }
    if (isCancelled) return changes.length > 0 ? getMessage(ingest, caller, id) : message;
    throw new Failure('not_found', 'The message has already been sent, or has ended in another way.', {
      code: 'already_sent',
    });
  }
  throw new Failure('conflict', 'The message is changing; try to cancel it again.', {
    code: 'in_flight',
  });
}
