// The figures of senders in MongoDB: one document per sender and time slot, to which all
// dispatchers add. A TTL index removes old ones.

import type { AnyBulkWriteOperation, Collection } from 'mongodb';
import { dispatchLimits } from '../../core/limits/dispatch.ts';
import type { SenderFigures, SenderFiguresStore } from '../../ports/sender-figures.ts';
import type { Mongo } from './connection.ts';

interface FiguresDocument {
  /** Tenant, sender and slot. */
  readonly _id: string;
  readonly tenant: string;
  readonly sender: string;
  /** Start of the slot, by the store's clock. */
  readonly slot: Date;
  readonly sent: number;
  readonly deferred: number;
  readonly bounced: number;
  readonly lastReply?: SenderFigures['lastReply'];
  readonly paused?: SenderFigures['pausedRoutes'];
}

const HOUR = 3_600_000;

export async function openSenderFigures(mongo: Mongo): Promise<SenderFiguresStore> {
  const collection = mongo.db.collection<FiguresDocument>('senderFigures');
  await mongo.call(collection.createIndex({ slot: 1 }, { expireAfterSeconds: (2 * HOUR) / 1_000 }));
  return new MongoSenderFigures(mongo, collection);
}

class MongoSenderFigures implements SenderFiguresStore {
  readonly #mongo: Mongo;
  readonly #figures: Collection<FiguresDocument>;

  constructor(mongo: Mongo, figures: Collection<FiguresDocument>) {
    this.#mongo = mongo;
    this.#figures = figures;
  }

  async add(figures: readonly SenderFigures[]): Promise<void> {
    if (figures.length === 0) return;
    const slot = new Date(
      Math.floor(this.#mongo.now() / dispatchLimits.figuresSlotMs) * dispatchLimits.figuresSlotMs,
    );
    const writes = figures.map(
      ({
        tenant,
        sender,
        sent,
        deferred,
        bounced,
        lastReply,
        pausedRoutes,
      }): AnyBulkWriteOperation<FiguresDocument> => {
        const paused = Object.fromEntries(
          Object.entries(pausedRoutes).map(([name, pause]) => [`paused.${fieldOf(name)}`, pause]),
        );
        const set = { ...(lastReply === null ? {} : { lastReply }), ...paused };
        return {
          updateOne: {
            filter: { _id: `${tenant}/${sender}/${slot.getTime()}` },
            update: {
              $setOnInsert: { tenant, sender, slot },
              $inc: { sent, deferred, bounced },
              ...(Object.keys(set).length === 0 ? {} : { $set: set }),
            },
            upsert: true,
          },
        };
      },
    );
    await this.#mongo.call(this.#figures.bulkWrite(writes, { ordered: false }));
  }

  async lastHour(): Promise<readonly SenderFigures[]> {
    const from = new Date(this.#mongo.now() - HOUR);
    const sums = new Map<string, SenderFigures>();
    for (const document of await this.#mongo.call(this.#figures.find({ slot: { $gt: from } }).toArray())) {
      const key = `${document.tenant}/${document.sender}`;
      sums.set(key, sum(sums.get(key), { ...document, paused: named(document.paused) }));
    }
    return [...sums.values()];
  }

  /** Does nothing: the connection is closed by its opener. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Names of routes may contain dots, which MongoDB would read as paths. */
const fieldOf = (name: string): string => name.replaceAll('.', '%2E');
const named = (fields: SenderFigures['pausedRoutes'] = {}): SenderFigures['pausedRoutes'] =>
  Object.fromEntries(Object.entries(fields).map(([field, pause]) => [field.replaceAll('%2E', '.'), pause]));

function sum(before: SenderFigures | undefined, one: FiguresDocument): SenderFigures {
  const { tenant, sender, sent, deferred, bounced, lastReply = null, paused = {} } = one;
  if (before === undefined)
    return { tenant, sender, sent, deferred, bounced, lastReply, pausedRoutes: paused };
  const newer = (lastReply?.at ?? 0) > (before.lastReply?.at ?? 0) ? lastReply : before.lastReply;
  const pausedRoutes = { ...before.pausedRoutes };
  for (const [name, pause] of Object.entries(paused))
    if (pause.until >= (pausedRoutes[name]?.until ?? 0)) pausedRoutes[name] = pause;
  return {
    ...{
      tenant,
      sender,
      sent: before.sent + sent,
      deferred: before.deferred + deferred,
      bounced: before.bounced + bounced,
    },
    ...{ lastReply: newer, pausedRoutes },
  };
}
