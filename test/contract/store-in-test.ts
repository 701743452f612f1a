// What the contract suites of the message store share: a store that is new for each test, and short
// ways to fill, read and change it.

import { afterEach, beforeEach, expect } from 'vitest';
import type { Change, Progress } from '../../services/core/delivery/delivery.ts';
import type { Message, NewMessage } from '../../services/core/delivery/message.ts';
import type { MessageId } from '../../services/core/ids.ts';
import type { DueDelivery } from '../../services/ports/due-deliveries.ts';
import type { Inserted, MessageStore } from '../../services/ports/message-store.ts';
import { type Sample, sampleMessage } from './sample-message.ts';

export const MINUTE = 60_000;
/** How many callers do the same thing at once, where only one of them may succeed. */
export const RACERS = 100;

/** An empty store, as an adapter's test opens it. */
export interface OpenedStore<S> extends AsyncDisposable {
  readonly store: S;
  /** Moves the store's clock on by at least this much. */
  elapse(ms: number): Promise<void>;
  /** Closes the store and opens it again over the same data. Absent where nothing is kept. */
  readonly reopen?: () => Promise<S>;
}

export interface StoreInTest<S> {
  readonly store: S;
  /** The store's time at the start of the test. */
  readonly t0: number;
  elapse(ms: number): Promise<void>;
  /** From here on `store` is one that was opened again over the same data, if it keeps any. */
  reopen(): Promise<void>;
  /** A message that was created at `t0`. */
  sample(more?: Partial<Sample>): NewMessage;
  /** Inserts these messages, which must be new. */
  put(...samples: Partial<Sample>[]): Promise<MessageId[]>;
  get(id: MessageId): Promise<Message>;
  /** A change to the delivery as it is stored now. */
  changeOf(
    id: MessageId,
    set: Partial<Progress>,
    event?: Change['event'],
    delivery?: number,
  ): Promise<Change>;
}

/** To be called inside a `describe`: its tests get a store each. */
export function openForEachTest<S extends MessageStore>(open: () => Promise<OpenedStore<S>>): StoreInTest<S> {
  let opened: OpenedStore<S>;
  let store: S;
  let t0: number;
  beforeEach(async () => {
    opened = await open();
    store = opened.store;
    t0 = store.now();
  });
  afterEach(() => opened[Symbol.asyncDispose]());

  const sample = (more: Partial<Sample> = {}): NewMessage => sampleMessage({ createdAt: t0, ...more });
  async function get(id: MessageId): Promise<Message> {
    const [message] = await store.find([id]);
    if (message === null || message === undefined) throw new Error('the message is not there');
    return message;
  }
  return {
    get store() {
      return store;
    },
    get t0() {
      return t0;
    },
    elapse: (ms) => opened.elapse(ms),
    async reopen() {
      if (opened.reopen !== undefined) store = await opened.reopen();
    },
    sample,
    async put(...samples) {
      const messages = samples.map(sample);
      expect(kindsOf(await store.insert(messages))).toEqual(messages.map(() => 'inserted'));
      return messages.map((message) => message.id);
    },
    get,
    async changeOf(id, set, event = null, delivery = 0) {
      return { message: id, delivery, version: versionOf(await get(id), delivery), set, event };
    },
  };
}

export const kindsOf = (inserted: readonly Inserted[]): Inserted['kind'][] =>
  inserted.map(({ kind }) => kind);

export function missing(): never {
  throw new Error('the store returned less than the test asked for');
}

export const versionOf = (message: Message, delivery = 0): string =>
  message.deliveries[delivery]?.version ?? missing();

/** `<message id>/<index of the delivery>` for each. */
export const namesOf = (due: readonly DueDelivery[]): string[] =>
  due.map(({ message, delivery }) => `${message.id}/${delivery}`);

/** What the sweeper does with a delivery that it found: it looks again later. */
export const requeue = ({ message, delivery }: DueDelivery, wakeAt: number): Change => ({
  message: message.id,
  delivery,
  version: versionOf(message, delivery),
  set: { state: 'queued', wakeAt },
  event: null,
});
