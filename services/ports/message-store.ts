// The only record: messages with their deliveries and events. Everything else may be lost whole.
// The store decides nothing. It inserts, it finds, and it makes changes that
// `core/delivery/delivery.ts` decided, each as one compare-and-set.

import type { Reach } from '../core/access/caller.ts';
import type { Change, DeliveryState } from '../core/delivery/delivery.ts';
import type { Message, MessageStatus, NewMessage, Tier } from '../core/delivery/message.ts';
import type { BlobId, MessageId } from '../core/ids.ts';

export type { NewMessage };

/**
 * `known`: a message of this id was there already, by our own retry or because a door handed it
 * over twice; what is stored counts. `key_taken`: a message of this tenant holds this idempotency
 * key; nothing was inserted.
 */
export type Inserted = 'inserted' | 'known' | 'key_taken';

/** Filters of a list; absent ones do not filter. All are typed values, never a query language. */
export interface ListQuery {
  readonly tenant: string;
  /** Only messages of these environments and senders, on top of the filters. */
  readonly within?: Reach;
  readonly status?: MessageStatus;
  readonly recipient?: string;
  readonly sender?: string;
  readonly template?: string;
  readonly environment?: string;
  /** Milliseconds, inclusive. */
  readonly createdAfter?: number;
  /** Milliseconds, exclusive. */
  readonly createdBefore?: number;
  /** Only what is older than this: the last row of the page before. */
  readonly before?: { readonly createdAt: number; readonly id: MessageId };
  readonly limit: number;
}

/** One tenant's backlog in one tier: queued deliveries whose `wakeAt` has passed. */
export interface Backlog {
  readonly tenant: string;
  readonly tier: Tier;
}

/** A delivery named by a query: the message as read, and which of its deliveries was meant. */
export interface Found {
  readonly message: Message;
  readonly delivery: number;
}

/**
 * All calls reject with `Failure('unavailable')` when the store does not answer within
 * `storeLimits.storeCallMs`; after that a write may or may not have happened. A repeated `insert`
 * of the same ids is harmless, a repeated `apply` of the same changes changes nothing.
 */
export interface MessageStore extends AsyncDisposable {
  /**
   * The store's clock, in milliseconds since 1970: what is due, and for how long a key is taken, is
   * judged by it. Never blocks.
   */
  now(): number;

  /**
   * Inserts each message with its events and its idempotency key in one write a message; durable
   * when it resolves. Answers in the order given. A message whose id is already there stays as it
   * is. Sets `unsettled_at`.
   */
  insert(messages: readonly NewMessage[]): Promise<readonly Inserted[]>;

  /** The messages that exist, in the order of the ids; null for those that do not. */
  find(ids: readonly MessageId[]): Promise<readonly (Message | null)[]>;

  findByIdempotencyKey(tenant: string, key: string): Promise<Message | null>;

  /** Takes an outdated idempotency key off its message. False: it no longer holds that key. */
  dropIdempotencyKey(id: MessageId, key: string): Promise<boolean>;

  /**
   * Makes each change if the delivery still has the version that the change names: fields, a new
   * version and the event (stamped with `now`) in one write, durable when it resolves. Answers in
   * the order given: the delivery's new version, or null when the change was refused. Null may also
   * be said of a change that was made and then overtaken; a version is never said of one that was
   * not made.
   */
  apply(changes: readonly Change[]): Promise<readonly (string | null)[]>;

  /**
   * Deliveries in one of these states whose `wakeAt` is at or before the given time, oldest first
   * as far as that costs nothing.
   */
  woken(
    states: readonly Exclude<DeliveryState, 'queued'>[],
    before: number,
    limit: number,
  ): Promise<readonly Found[]>;

  /**
   * Which tenants and tiers have queued deliveries whose `wakeAt` has passed; costs in proportion
   * to their number, not to their backlogs.
   */
  backlogs(before: number): Promise<readonly Backlog[]>;

  /**
   * How many deliveries are queued, published or not; `limit` when there are as many or more, so
   * that it never costs more than that.
   */
  queued(limit: number): Promise<number>;

  /**
   * Since when the delivery could go that could for the longest time: the earliest `due`, at or
   * before the given time, of those that are queued, deferred or scheduled without a hold; null
   * when there are none. One look into an index where the store has one.
   */
  oldestDue(before: number): Promise<number | null>;

  /**
   * The oldest queued deliveries of one backlog whose `wakeAt` has passed, in order of acceptance.
   */
  unpublished(backlog: Backlog, before: number, limit: number): Promise<readonly Found[]>;

  /** Newest first: by (createdAt, id), descending. */
  list(query: ListQuery): Promise<readonly Message[]>;

  /** Which of these blobs a message refers to. */
  blobsInUse(ids: readonly BlobId[]): Promise<ReadonlySet<BlobId>>;

  /** Resolves when the store can write; rejects with the reason. For readiness. */
  check(): Promise<void>;
}
