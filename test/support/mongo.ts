// A database of the test's own on the run's shared MongoDB.

import { type Mongo, openMongo } from '../../services/adapters/mongo/connection.ts';
import { uniqueName } from './backend.ts';
import { borrow } from './describe-with.ts';

/** Disposing it drops the database and closes the connection. */
export async function openTestMongo(what: string): Promise<Mongo> {
  const { url } = await borrow('mongo');
  const mongo = await openMongo(url, { database: uniqueName(what) });
  return {
    ...mongo,
    async [Symbol.asyncDispose]() {
      await mongo.db.dropDatabase();
      await mongo[Symbol.asyncDispose]();
    },
  };
}
