// The message store in MongoDB: one document per message, one conditional update per change. The
// writes of several callers go to the server as one bulk. Correctness rests on two unique indexes,
// `_id` and the idempotency key; all other indexes are for speed.

import {
  type AnyBulkWriteOperation,
  type Collection,
  type Filter,
  type IndexDescription,
  MongoBulkWriteError,
  ObjectId,
} from 'mongodb';
import type { Environment } from '../../core/catalog/catalog.ts';
import type { Change, DeliveryState } from '../../core/delivery/delivery.ts';
import { type Message, messageStatuses, type NewMessage } from '../../core/delivery/message.ts';
import { type Lane, laneKey, laneOf } from '../../core/delivery/pacing/lane.ts';
import type { BlobId, MessageId } from '../../core/ids.ts';
import { sweepLimits } from '../../core/limits/sweep.ts';
import type { DueDeliveries, DueDelivery } from '../../ports/due-deliveries.ts';
import type { ListQuery, MessageList } from '../../ports/message-list.ts';
import type { Inserted, MessageStore } from '../../ports/message-store.ts';
import { DUPLICATE_KEY, ensureIndexes, type Mongo } from './connection.ts';
import { Gatherer } from './gatherer.ts';
import {
  FIRST_VERSION,
  fromDocument,
  idempotencyOf,
  type MessageDocument,
  toDocument,
  toEvent,
  toPaths,
} from './message-document.ts';

// An index over an array has an entry for each element, so an index that starts with
// `deliveries.state` returns a state in the order of the fields that follow. `deliveries.wake_at`
// is at the end of `turns`, so that the server skips held and published mail without reading its
// documents. The filters of a list are at the end of `lists` for the same reason.
const indexes: readonly IndexDescription[] = [
  { name: 'idempotency', key: { idempotency: 1 }, unique: true, sparse: true },
  { name: 'woken', key: { 'deliveries.state': 1, 'deliveries.wake_at': 1 } },
  { name: 'lanes', key: { 'deliveries.state': 1, lane: 1, 'deliveries.wake_at': 1 } },
  { name: 'turns', key: { 'deliveries.state': 1, lane: 1, created_at: 1, _id: 1, 'deliveries.wake_at': 1 } },
  { name: 'sendable', key: { 'deliveries.state': 1, 'deliveries.hold': 1, 'deliveries.due': 1 } },
  {
    name: 'lists',
    key: { tenant: 1, created_at: -1, _id: -1, sender: 1, environment: 1, 'content.template.identifier': 1 },
  },
  {
    name: 'canonical_recipients',
    key: { tenant: 1, 'deliveries.canonical_recipient': 1, created_at: -1, _id: -1 },
  },
  { name: 'blobs', key: { blobs: 1 }, sparse: true },
];

/** The states of deliveries that could be sent now, once they are due. */
const SENDABLE: readonly DeliveryState[] = ['queued', 'deferred', 'scheduled'];

/** `now` is the store's clock; a test passes its own. */
export async function openMessageStore(
  mongo: Mongo,
  now: () => number = mongo.now,
): Promise<MongoMessageStore> {
  const collection = mongo.db.collection<MessageDocument>('messages');
  await ensureIndexes(mongo, collection, indexes);
  return new MongoMessageStore(mongo, collection, now);
}

export class MongoMessageStore implements MessageStore, DueDeliveries, MessageList {
  readonly now: () => number;
  readonly #mongo: Mongo;
  readonly #messages: Collection<MessageDocument>;
  readonly #inserts = new Gatherer((messages: readonly NewMessage[]) => this.#insert(messages));
  readonly #changes = new Gatherer((changes: readonly Change[]) => this.#apply(changes));

  constructor(mongo: Mongo, messages: Collection<MessageDocument>, now: () => number) {
    this.#mongo = mongo;
    this.#messages = messages;
    this.now = now;
  }

  measureClock(): Promise<void> {
    return this.#mongo.measureClock();
  }

  insert(messages: readonly NewMessage[]): Promise<readonly Inserted[]> {
    return this.#mongo.call(this.#inserts.add(messages));
  }

  async #insert(messages: readonly NewMessage[]): Promise<readonly Inserted[]> {
    const now = this.now();
    const results = messages.map(
      ({ deliveries }): Inserted => ({ kind: 'inserted', versions: deliveries.map(() => FIRST_VERSION) }),
    );
    try {
      await this.#messages.insertMany(
        messages.map((message) => toDocument(message, now)),
        { ordered: false },
      );
    } catch (error) {
      const refused = duplicatesOf(error);
      // The server names the violated index only in the text of its error. So the messages are
      // read: a refused message whose id is stored is known, and otherwise its idempotency key is
      // taken.
      const ids = refused.flatMap((index) => messages[index]?.id ?? []);
      const stored = await this.#messages.find({ _id: { $in: ids } }).toArray();
      const byId = new Map(stored.map((document) => [document._id, fromDocument(document)]));
      for (const index of refused) {
        const message = byId.get(messages[index]?.id as MessageId);
        results[index] = message === undefined ? { kind: 'key_taken' } : { kind: 'known', message };
      }
    }
    return results;
  }

  async find(ids: readonly MessageId[]): Promise<readonly (Message | null)[]> {
    if (ids.length === 0) return [];
    const found = new Map((await this.#read({ _id: { $in: ids } })).map((message) => [message.id, message]));
    return ids.map((id) => found.get(id) ?? null);
  }

  async findByIdempotencyKey(tenant: string, key: string): Promise<Message | null> {
    const [message] = await this.#read({ idempotency: idempotencyOf(tenant, key) });
    return message ?? null;
  }

  async dropIdempotencyKey(id: MessageId, key: string): Promise<boolean> {
    // the caller does not know the tenant, so the server builds the string from the document
    const held = { $concat: ['$tenant', idempotencyOf('', ''), { $literal: key }] };
    const dropped = await this.#mongo.call(
      this.#messages.updateOne(
        { _id: id, $expr: { $eq: ['$idempotency', held] } },
        { $unset: { idempotency: '', fingerprint: '' } },
      ),
    );
    return dropped.modifiedCount === 1;
  }

  apply(changes: readonly Change[]): Promise<readonly (string | null)[]> {
    return this.#mongo.call(this.#changes.add(changes));
  }

  async #apply(changes: readonly Change[]): Promise<readonly (string | null)[]> {
    const now = this.now();
    // Each change has a version of its own, so that a read shows which changes were made.
    const versions = changes.map(() => new ObjectId().toHexString());
    const operations = changes.map((change, i) => toUpdate(change, versions[i] ?? '', now));
    const { matchedCount } = await this.#messages.bulkWrite(operations, { ordered: false });
    if (matchedCount === changes.length) return versions;
    const ids = [...new Set(changes.map((change) => change.message))];
    const stored = await this.#messages
      .find({ _id: { $in: ids } }, { projection: { 'deliveries.version': 1 } })
      .toArray();
    const made = new Set(stored.flatMap(({ deliveries }) => deliveries.map(({ version }) => version)));
    return versions.map((version) => (made.has(version) ? version : null));
  }

  async woken(
    states: readonly Exclude<DeliveryState, 'queued'>[],
    before: number,
    limit: number,
  ): Promise<readonly DueDelivery[]> {
    // One query per state: the index is in order of time only within a state, and in one query for
    // all states a flood in one state would hide the others.
    const batches = await Promise.all(
      states.map((state) => this.#read({ deliveries: { $elemMatch: isDue(state, before) } }, { limit })),
    );
    const found = batches.flatMap((messages, i) =>
      messages.flatMap((message) => dueIn(message, states[i], before)),
    );
    return found.toSorted((a, b) => wakeAtOf(a) - wakeAtOf(b)).slice(0, limit);
  }

  async backlogs(before: number): Promise<readonly Lane[]> {
    const lanes: Lane[] = [];
    // Jumps from one lane to the next: one look into the index each, however long its backlog is.
    for (let last = ''; ; ) {
      const next = await this.#mongo.call(
        this.#messages.findOne(
          { lane: { $gt: last }, deliveries: { $elemMatch: isDue('queued', before) } },
          { sort: { lane: 1 }, projection: { tenant: 1, tier: 1, sender: 1, lane: 1 }, hint: 'lanes' },
        ),
      );
      if (next === null) return lanes;
      if (next.lane !== laneKey(next)) {
        await this.#correctLane(next);
        continue;
      }
      lanes.push(laneOf(next));
      last = next.lane;
    }
  }

  /**
   * Earlier versions stored the lane without the sender. A corrected lane is later in the order of
   * lanes, so the walk through the lanes meets it afterwards.
   */
  async #correctLane({ lane, ...fields }: Lane & Pick<MessageDocument, 'lane'>): Promise<void> {
    await this.#mongo.call(
      this.#messages.updateMany(
        { 'deliveries.state': { $in: [...SENDABLE, 'sending'] }, lane, sender: fields.sender },
        { $set: { lane: laneKey(fields) } },
      ),
    );
  }

  async countQueued(limit: number): Promise<number> {
    const isQueued = { $eq: ['$$delivery.state', 'queued'] };
    const [counted] = await this.#mongo.call(
      this.#messages
        .aggregate<{ readonly count: number }>([
          { $match: { 'deliveries.state': 'queued' } },
          { $limit: limit },
          {
            $project: {
              count: { $size: { $filter: { input: '$deliveries', as: 'delivery', cond: isQueued } } },
            },
          },
          { $group: { _id: null, count: { $sum: '$count' } } },
        ])
        .toArray(),
    );
    return Math.min(limit, counted?.count ?? 0);
  }

  async oldestDue(before: number): Promise<number | null> {
    // Within a state the index is in order of time, so the first document has the earliest. A
    // server without the index returns some documents, and the result is the earliest among them.
    const isSendable = (state: DeliveryState) => ({ state, hold: null, due: { $lte: before } });
    const options = {
      projection: { 'deliveries.state': 1, 'deliveries.hold': 1, 'deliveries.due': 1 },
      limit: sweepLimits.oldestDueMessages,
      hint: 'sendable',
    } as const;
    const found = await Promise.all(
      SENDABLE.map((state) =>
        this.#mongo.call(
          this.#messages.find({ deliveries: { $elemMatch: isSendable(state) } }, options).toArray(),
        ),
      ),
    );
    const dues = found
      .flat()
      .flatMap(({ deliveries }) =>
        deliveries.flatMap(({ state, hold, due }) =>
          SENDABLE.includes(state) && hold === null && due <= before ? [due] : [],
        ),
      );
    return dues.length === 0 ? null : Math.min(...dues);
  }

  async unpublished(lane: Lane, before: number, limit: number): Promise<readonly DueDelivery[]> {
    const messages = await this.#read(
      { lane: laneKey(lane), deliveries: { $elemMatch: isDue('queued', before) } },
      { sort: { created_at: 1, _id: 1 }, limit, hint: 'turns' },
    );
    return messages.flatMap((message) => dueIn(message, 'queued', before)).slice(0, limit);
  }

  async list(query: ListQuery): Promise<readonly Message[]> {
    return this.#read(toFilter(query), { sort: { created_at: -1, _id: -1 }, limit: query.limit });
  }

  async blobsInUse(ids: readonly BlobId[]): Promise<ReadonlySet<BlobId>> {
    if (ids.length === 0) return new Set();
    const asked = new Set(ids);
    const users = await this.#mongo.call(
      this.#messages.find({ blobs: { $in: ids } }, { projection: { blobs: 1 } }).toArray(),
    );
    return new Set(users.flatMap(({ blobs = [] }) => blobs).filter((id) => asked.has(id)));
  }

  check(): Promise<void> {
    return this.#mongo.check();
  }

  /** Does nothing: the connection is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #read(
    filter: Filter<MessageDocument>,
    options: Parameters<Collection<MessageDocument>['find']>[1] = {},
  ): Promise<Message[]> {
    return (await this.#mongo.call(this.#messages.find(filter, options).toArray())).map(fromDocument);
  }
}

/** The positions of the documents that a unique index refused. Rethrows any other error. */
function duplicatesOf(error: unknown): number[] {
  if (!(error instanceof MongoBulkWriteError)) throw error;
  const refusals = [error.writeErrors].flat();
  const isAllDuplicates = refusals.every(({ code }) => code === DUPLICATE_KEY);
  if (!isAllDuplicates || error.result.getWriteConcernError() !== undefined) throw error;
  return refusals.map(({ index }) => index);
}

function toUpdate(change: Change, version: string, now: number): AnyBulkWriteOperation<MessageDocument> {
  const { message, delivery, event, set } = change;
  return {
    updateOne: {
      filter: { _id: message, [`deliveries.${delivery}.version`]: change.version },
      update: {
        $set: toPaths(delivery, set, version),
        ...(event === null
          ? {}
          : { $push: { events: toEvent(event, delivery, now) }, $min: { unsettled_at: now } }),
      },
    },
  };
}

/**
 * Deliveries that have ended have a `wake_at` of null, which `$lte` with a number never matches.
 */
const isDue = (state: DeliveryState, before: number) => ({ state, wake_at: { $lte: before } });

function dueIn(message: Message, state: DeliveryState | undefined, before: number): DueDelivery[] {
  return message.deliveries.flatMap((d, delivery) =>
    d.state === state && d.wakeAt !== null && d.wakeAt <= before ? [{ message, delivery }] : [],
  );
}

const wakeAtOf = ({ message, delivery }: DueDelivery): number => message.deliveries[delivery]?.wakeAt ?? 0;

function toFilter(query: ListQuery): Filter<MessageDocument> {
  const all: Filter<MessageDocument>[] = [{ tenant: query.tenant }];
  if (query.status !== undefined) {
    // a message's status is the first in the order of precedence that one of its deliveries has
    const earlier = messageStatuses.slice(0, messageStatuses.indexOf(query.status));
    all.push({ 'deliveries.state': query.status }, { 'deliveries.state': { $nin: earlier } });
  }
  if (query.recipient !== undefined) all.push({ 'deliveries.canonical_recipient': query.recipient });
  if (query.sender !== undefined) all.push({ sender: query.sender });
  if (query.template !== undefined) all.push({ 'content.template.identifier': query.template });
  if (query.environment !== undefined) all.push({ environment: query.environment as Environment });
  const { environments = null, senders = null } = query.within ?? {};
  if (environments !== null) all.push({ environment: { $in: environments } });
  if (senders !== null) all.push({ sender: { $in: senders } });
  if (query.createdAfter !== undefined) all.push({ created_at: { $gte: query.createdAfter } });
  if (query.createdBefore !== undefined) all.push({ created_at: { $lt: query.createdBefore } });
  if (query.before !== undefined) {
    const { createdAt, id } = query.before;
    // the first condition is implied by the second, but lets the index start at the right place
    all.push(
      { created_at: { $lte: createdAt } },
      { $or: [{ created_at: { $lt: createdAt } }, { created_at: createdAt, _id: { $lt: id } }] },
    );
  }
  return { $and: all };
}
