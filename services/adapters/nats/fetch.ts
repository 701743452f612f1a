// One fetch of entries from a consumer. When a fetch of the client library is stopped, it drops
// entries that are already on their way, and a dropped entry is unavailable until its ack wait
// ends. This fetch still passes them on, so that they can be given back.

import { createInbox, type Msg, type NatsConnection, nanos } from 'nats';
import { Failure } from '../../core/failure.ts';
import { connectionLimits } from '../../core/limits/connection.ts';
import { queueLimits } from '../../core/limits/queue.ts';

interface Pull {
  readonly stream: string;
  readonly consumer: string;
  /** How many entries to fetch. The fetch waits for them for up to `queueLimits.fetchMs`. */
  readonly batch: number;
}

/**
 * Calls `onEntry` with each entry. Resolves after `batch` entries, at the end of the time, or,
 * after an abort, when the server has stopped sending. Rejects if the consumer is missing or does
 * not reply.
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
    () => end.reject(new Failure('unavailable', 'a fetch did not end in time')),
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

/** An entry has a reply subject for its ack; a status has none. */
const isEntry = (message: Msg): boolean => message.reply !== undefined && message.reply !== '';

/** 404: no entries; 408: the time is over. */
const isOver = (message: Msg): boolean => message.headers?.code === 404 || message.headers?.code === 408;
