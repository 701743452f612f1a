// Messages for accepting and delivering: each is inserted, found by its id or its idempotency key,
// and changed. The messages are the only record; all data of every other store may be lost. The
// store decides nothing: `core/delivery/delivery.ts` decides each change, and the store makes it as
// one compare-and-set. The sweeper's queries are in `due-deliveries.ts`, lists in
// `message-list.ts`.

import type { Change } from '../core/delivery/delivery.ts';
import type { Message, NewMessage } from '../core/delivery/message.ts';
import type { BlobId, MessageId } from '../core/ids.ts';
import type { StoreClock } from './store-clock.ts';

/**
 * `inserted`: with the first version of each delivery, in their order. `known`: a message with this
 * id was stored before, by a retry of ingest or because a gateway sent it twice; `message` is the
 * stored message, unchanged. `key_taken`: another message of this tenant holds this idempotency
 * key; nothing was inserted.
 */
export type Inserted =
  | { readonly kind: 'inserted'; readonly versions: readonly string[] }
  | { readonly kind: 'known'; readonly message: Message }
  | { readonly kind: 'key_taken' };

/**
 * All calls reject with `Failure('unavailable')` when the store does not reply within
 * `storeLimits.storeCallMs`; after that a write may or may not have happened. A repeated `insert`
 * of the same ids is harmless, and a repeated `apply` of the same changes changes nothing.
 */
export interface MessageStore extends StoreClock, AsyncDisposable {
  /**
   * Inserts each message with its events and its idempotency key in one write per message. Durable
   * when it resolves. Returns one result per message, in the order given.
   */
  insert(messages: readonly NewMessage[]): Promise<readonly Inserted[]>;

  /** The messages in the order of the ids; null for each id that is not stored. */
  find(ids: readonly MessageId[]): Promise<readonly (Message | null)[]>;

  findByIdempotencyKey(tenant: string, key: string): Promise<Message | null>;

  /** Removes an outdated idempotency key from its message. False: it does not hold that key. */
  dropIdempotencyKey(id: MessageId, key: string): Promise<boolean>;

  /**
   * Applies each change if the delivery still has the version that the change names: fields, a new
   * version and the event (stamped with `now`) in one write, durable when the promise resolves.
   * Returns the delivery's new version for each change, in the order given, or null if the change
   * was refused. Null is also possible for a change that was applied and then overtaken by another;
   * a version always means that the change was applied.
   */
  apply(changes: readonly Change[]): Promise<readonly (string | null)[]>;

  /** Which of these blobs a message refers to. */
  blobsInUse(ids: readonly BlobId[]): Promise<ReadonlySet<BlobId>>;

  /** Resolves when the store can write; rejects with the reason. For readiness. */
  check(): Promise<void>;
}
