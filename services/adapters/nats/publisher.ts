// Publishes entries and matches the replies, at a fifth of the cost of `js.publish()` (measured):
// one subscription receives all replies, and a counter in the reply subject tells them apart.
// Entries have no `Nats-Msg-Id`, because with it the server would drop republished entries for two
// minutes.

import { createInbox, type Msg, type NatsConnection } from 'nats';
import { queueLimits } from '../../core/limits/queue.ts';
import type { NewEntry, PublishResult } from '../../ports/work-queue.ts';
import { encodeEntry, subjectOf } from './entry.ts';

/** The entries of one call. Each counts as lost until the queue confirms it. */
interface Batch {
  readonly entries: readonly NewEntry[];
  readonly answers: PublishResult[];
  /** The ids under which entries of the batch wait for replies. */
  readonly ids: string[];
  readonly startedAt: number;
  unanswered: number;
  isOver: boolean;
  readonly end: () => void;
}

interface PendingEntry {
  readonly batch: Batch;
  readonly index: number;
}

export class Publisher {
  readonly #connection: NatsConnection;
  readonly #stream: string;
  readonly #onMissing: () => void;
  readonly #inbox = `${createInbox()}.`;
  readonly #unsent: PendingEntry[] = [];
  readonly #inFlight = new Map<string, PendingEntry>();
  #lastId = 0;
  #answeredAt = 0;
  #pausedUntil = 0;

  /** `onMissing` is called when the server says that the stream does not exist. */
  constructor(connection: NatsConnection, stream: string, onMissing: () => void) {
    this.#connection = connection;
    this.#stream = stream;
    this.#onMissing = onMissing;
    connection.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
      },
    });
  }

  publish(entries: readonly NewEntry[]): Promise<readonly PublishResult[]> {
    const startedAt = performance.now();
    const answers = entries.map((): PublishResult => 'lost');
    if (answers.length === 0 || startedAt < this.#pausedUntil) return Promise.resolve(answers);
    const { promise, resolve } = Promise.withResolvers<readonly PublishResult[]>();
    const timer = setTimeout(() => this.#giveUp(batch), queueLimits.publishMs);
    const end = (): void => {
      batch.isOver = true;
      clearTimeout(timer);
      resolve(answers);
    };
    const batch: Batch = {
      entries,
      answers,
      ids: [],
      startedAt,
      unanswered: answers.length,
      isOver: false,
      end,
    };
    for (const index of answers.keys()) this.#unsent.push({ batch, index });
    this.#send();
    return promise;
  }

  #send(): void {
    while (this.#inFlight.size < queueLimits.publishInFlightMax) {
      const place = this.#unsent.shift();
      if (place === undefined) return;
      const { batch, index } = place;
      const unsent = batch.entries[index];
      if (batch.isOver || unsent === undefined) continue;
      const id = (++this.#lastId).toString(36);
      batch.ids.push(id);
      this.#inFlight.set(id, place);
      try {
        this.#connection.publish(subjectOf(this.#stream, unsent), encodeEntry(unsent.entry), {
          reply: this.#inbox + id,
        });
      } catch {
        // the connection has just closed
        this.#resolve(id, 'lost');
      }
    }
  }

  #receive(message: Msg): void {
    this.#answeredAt = performance.now();
    this.#resolve(message.subject.slice(this.#inbox.length), this.#read(message));
    this.#send();
  }

  #read(message: Msg): PublishResult {
    if (message.headers !== undefined) {
      // status 503, "no responders": no stream has this subject
      this.#onMissing();
      return 'lost';
    }
    const { error } = message.json<{ error?: { err_code: number } }>();
    if (error === undefined) return 'published';
    return error.err_code === STORE_REFUSED ? 'full' : 'lost';
  }

  #resolve(id: string, answer: PublishResult): void {
    const place = this.#inFlight.get(id);
    if (place === undefined) return;
    this.#inFlight.delete(id);
    const { batch, index } = place;
    batch.answers[index] = answer;
    batch.unanswered -= 1;
    if (batch.unanswered === 0) batch.end();
  }

  /**
   * Ends a batch at its timeout. If the queue has sent no reply at all meanwhile, publishing
   * pauses, so that further callers do not wait for the timeout.
   */
  #giveUp(batch: Batch): void {
    for (const id of batch.ids) this.#inFlight.delete(id);
    if (this.#answeredAt < batch.startedAt)
      this.#pausedUntil = performance.now() + queueLimits.publishPauseMs;
    batch.end();
    this.#send();
  }
}

/**
 * JSStreamStoreFailedF. For this stream the error means "maximum messages per subject exceeded".
 */
const STORE_REFUSED = 10_077;
