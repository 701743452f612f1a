// One pull of entries from a consumer. The client library has such a thing, but when that one is
// stopped it drops what is already on its way, and an entry dropped is out of everybody's reach
// until its ack wait is over; this one hands it over still, to be given back.

import { createInbox, type Msg, type NatsConnection, nanos } from 'nats';
import { Failure } from '../../core/failure.ts';
import { connectionLimits } from '../../core/limits/connection.ts';
import { queueLimits } from '../../core/limits/queue.ts';

interface Pull {
  readonly stream: string;
  readonly consumer: string;
  /** How many entries to wait for, at most `queueLimits.fetchMs`. */
  readonly batch: number;
}

/**
 * Calls back with each entry as it comes. Resolves when there were `batch`, when time is over, or,
 * once the server has stopped sending, after the signal aborted. Rejects when the consumer cannot
 * be asked: it is gone, or there is no answer.
 */
export async function fetchEntries(
  connection: NatsConnection,
  pull: Pull,
  onEntry: (message: Msg) => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const end = Promise.withResolvers<void>();
  const stop = (): void => end.resolve();
  const timer = setTimeout(
    () => end.reject(new Failure('unavailable', 'no end of a fetch')),
    queueLimits.fetchMs + connectionLimits.natsCallMs,
  );
  signal.addEventListener('abort', stop);
  let missing = pull.batch;
  const subscription = connection.subscribe(createInbox(), {
    callback: (error, message) => {
      if (error !== null) end.reject(error);
      else if (isEntry(message)) {
        onEntry(message);
        missing -= 1;
        if (missing === 0) end.resolve();
      } else if (isOver(message)) end.resolve();
      else end.reject(new Failure('unavailable', `a fetch ended with ${message.headers?.code}`));
    },
  });
  try {
    const request = JSON.stringify({ batch: pull.batch, expires: nanos(queueLimits.fetchMs) });
    connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${pull.stream}.${pull.consumer}`, request, {
      reply: subscription.getSubject(),
    });
    await end.promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    if (connection.isClosed() || missing === 0) subscription.unsubscribe();
    else await Promise.race([subscription.drain(), connection.closed()]);
  }
}

/** Its reply subject is where it is acked; a status has none. */
const isEntry = (message: Msg): boolean => message.reply !== undefined && message.reply !== '';

/** 404: nothing there; 408: time is over. */
const isOver = (message: Msg): boolean => message.headers?.code === 404 || message.headers?.code === 408;
