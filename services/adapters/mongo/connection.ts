// One connection to MongoDB for all stores of a program. It defines how durable a write is, how
// long a call may take, which failure an error becomes, and provides the server's clock. All
// operations are on single documents, so a standalone server is enough. After a lost connection the
// driver retries a write only where the server recognizes the retry.

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
  /** Measures the server's clock now, besides the regular measurements. Rejects as `call` does. */
  measureClock(): Promise<void>;
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

/** The server's error code when a unique index refuses a document. */
export const DUPLICATE_KEY = 11_000;

/**
 * Connects, and waits for a server that can write. `ca`: PEM of a private certificate authority.
 * The database is the one that the URL names, else `packetboat`. Rejects with `Failure('invalid')`
 * when the text is not a connection string, and with `Failure('unavailable')` when no server
 * replies.
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
  // While the server is unreachable, the last offset is used: monotonic clocks drift apart by only
  // milliseconds per minute.
  const timer = setInterval(() => void measure().catch(() => {}), storeLimits.storeClockEveryMs).unref();
  return {
    db,
    now: () => clock.now(),
    measureClock: measure,
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
      // As single options, which win over those of the URL: of a `writeConcern` the driver replaces
      // the journal by a `journal=false` in the URL.
      w: 'majority',
      journal: true,
      wtimeoutMS: storeLimits.storeCallMs,
      // Reads go to the primary, so that they see every write that was acknowledged before (P11).
      readPreference: 'primary',
      serverSelectionTimeoutMS: storeLimits.storeCallMs,
      connectTimeoutMS: storeLimits.storeCallMs,
      // A socket that is silent for longer belongs to a frozen server; the calls on it have failed
      // long before.
      socketTimeoutMS: storeLimits.storeCallMs,
      waitQueueTimeoutMS: storeLimits.storeCallMs,
      maxPoolSize: storeLimits.storeConnectionsMax,
    });
  } catch {
    // the driver's message would repeat the URL with its password
    throw new Failure('invalid', 'this is no MongoDB connection string');
  }
}

const usesTls = (url: string): boolean =>
  url.startsWith('mongodb+srv:') || /[?&](?:tls|ssl)=true(?:&|$)/.test(url);
const databaseOf = (url: string): string | undefined =>
  /^mongodb(?:\+srv)?:\/\/[^/]+\/([^/?]+)/.exec(url)?.[1];

/** A harmless write, because a full or read-only server still replies to a ping. */
async function writeMark(db: Db): Promise<void> {
  const marks = db.collection<{ _id: string; at: Date }>('health');
  // two programs may insert the document at the same time; a duplicate key also shows that writes
  // work
  await isNew(marks.updateOne({ _id: 'written' }, { $currentDate: { at: true } }, { upsert: true }));
}

/** Creates the indexes that are missing. Correctness rests on the unique ones only. */
export async function ensureIndexes<T extends Document>(
  mongo: Mongo,
  collection: Collection<T>,
  indexes: readonly IndexDescription[],
): Promise<void> {
  await mongo.call(collection.createIndexes([...indexes]));
}

/** False when a unique index refused the insert, because such a document exists already. */
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
    timer = setTimeout(() => reject(new Failure('unavailable', `MongoDB did not reply within ${ms} ms`)), ms);
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
 * The failure for callers. A server's message may quote a document or a key, so only its code is
 * passed on.
 */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof MongoError) || error instanceof MongoAPIError) return error;
  if (!(error instanceof MongoServerError))
    return new Failure('unavailable', `MongoDB did not answer: ${error.name}`, { cause: error });
  if (isDuplicate(error)) return new Failure('internal', 'MongoDB holds another document under this key');
  return new Failure('unavailable', `MongoDB refused: ${error.codeName ?? error.code ?? error.name}`);
}
