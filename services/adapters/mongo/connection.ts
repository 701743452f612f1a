// One connection to MongoDB for all stores of a program: how durable a write is, how long a call
// may take, what its errors become, and the server's clock. Only plain single-document operations
// go over it, so a standalone server does as well as a replica set; the driver itself repeats a
// write after a lost connection only where the server can tell that it is the same one.

import {
  type Collection,
  type Db,
  type Document,
  type IndexDescription,
  MongoAPIError,
  MongoClient,
  MongoError,
  MongoServerError,
} from 'mongodb';
import { Failure } from '../../core/failure.ts';
import { storeLimits } from '../../core/limits/store.ts';
import { ServerClock } from './server-clock.ts';

export interface Mongo extends AsyncDisposable {
  readonly db: Db;
  /** The server's clock, in milliseconds since 1970. Never blocks. */
  now(): number;
  /**
   * Awaits an operation for at most `ms`, or `storeLimits.storeCallMs`. Rejects with
   * `Failure('unavailable')`; the operation may still have its effect.
   */
  call<T>(operation: Promise<T>, ms?: number): Promise<T>;
  /**
   * Resolves when a write is durable; rejects with the reason within `storeLimits.storeCheckMs`.
   */
  check(): Promise<void>;
}

/** What the server says when a unique index refuses a document. */
export const DUPLICATE_KEY = 11_000;

/**
 * `ca`: PEM of a private authority. Connects, and waits for a server that can write. The database
 * is the one that the URL names, else `packetboat`. Rejects with `Failure('invalid')` when the text
 * is no connection string, and with `Failure('unavailable')` when there is no answer.
 */
export async function openMongo(
  url: string,
  options: { readonly database?: string; readonly ca?: string | undefined } = {},
): Promise<Mongo> {
  const client = newClient(url, options.ca);
  const db = client.db(options.database ?? databaseOf(url) ?? 'packetboat');
  const clock = new ServerClock();
  const measure = () =>
    clock.measure(async () => {
      const { localTime } = await call(db.admin().command({ hello: 1 }));
      return (localTime as Date).getTime();
    });
  try {
    await call(client.connect());
    for (let asked = 0; asked < storeLimits.storeClockFirstAsks; asked++) await measure();
  } catch (error) {
    await client.close();
    throw error;
  }
  // While the server is away, the offset that is known serves on: monotonic clocks drift by
  // milliseconds a minute.
  const timer = setInterval(() => void measure().catch(() => {}), storeLimits.storeClockEveryMs).unref();
  return {
    db,
    now: () => clock.now(),
    call,
    check: () => call(writeMark(db), storeLimits.storeCheckMs),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await client.close();
    },
  };
}

function newClient(url: string, ca: string | undefined): MongoClient {
  if (ca !== undefined && !usesTls(url))
    throw new Failure('invalid', 'MongoDB has a private authority, but its URL has no tls=true');
  try {
    return new MongoClient(url, {
      appName: 'packetboat',
      ...(ca === undefined ? {} : { ca }),
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: storeLimits.storeCallMs },
      // The primary's own data: what was answered to anybody before is seen (P11).
      readPreference: 'primary',
      serverSelectionTimeoutMS: storeLimits.storeCallMs,
      connectTimeoutMS: storeLimits.storeCallMs,
      // A socket that is silent for longer belongs to a frozen server, and its callers have long
      // been told.
      socketTimeoutMS: storeLimits.storeCallMs,
      waitQueueTimeoutMS: storeLimits.storeCallMs,
      maxPoolSize: storeLimits.storeConnectionsMax,
    });
  } catch {
    // the driver's message repeats the URL, password and all
    throw new Failure('invalid', 'this is no MongoDB connection string');
  }
}

const usesTls = (url: string): boolean =>
  url.startsWith('mongodb+srv:') || /[?&](?:tls|ssl)=true(?:&|$)/.test(url);
const databaseOf = (url: string): string | undefined =>
  /^mongodb(?:\+srv)?:\/\/[^/]+\/([^/?]+)/.exec(url)?.[1];

/** A write that hurts nobody: a full or read-only store answers a ping gladly. */
async function writeMark(db: Db): Promise<void> {
  const marks = db.collection<{ _id: string; at: Date }>('health');
  // two programs may make the document at the same time; that the other one's write was there first
  // is as good a sign
  await isNew(marks.updateOne({ _id: 'written' }, { $currentDate: { at: true } }, { upsert: true }));
}

/** Declares indexes; those that are there stay. Correctness rests on the unique ones only. */
export async function ensureIndexes<T extends Document>(
  mongo: Mongo,
  collection: Collection<T>,
  indexes: readonly IndexDescription[],
): Promise<void> {
  await mongo.call(collection.createIndexes([...indexes]));
}

/** False when a unique index refused the insert: what it names is there already. */
export function isNew(insert: Promise<unknown>): Promise<boolean> {
  return insert.then(
    () => true,
    (error) => {
      if (isDuplicate(error)) return false;
      throw error;
    },
  );
}

const isDuplicate = (error: unknown): boolean =>
  error instanceof MongoServerError && error.code === DUPLICATE_KEY;

async function call<T>(operation: Promise<T>, ms: number = storeLimits.storeCallMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Failure('unavailable', `MongoDB did not answer within ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([operation, late]);
  } catch (error) {
    throw failureOf(error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What callers are told. A server's message may quote a document or a key, so only its code goes
 * on.
 */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof MongoError) || error instanceof MongoAPIError) return error;
  if (!(error instanceof MongoServerError))
    return new Failure('unavailable', `MongoDB did not answer: ${error.name}`, { cause: error });
  if (isDuplicate(error)) return new Failure('internal', 'MongoDB holds another document under this key');
  return new Failure('unavailable', `MongoDB refused: ${error.codeName ?? error.code ?? error.name}`);
}
