// A database in a temporary folder, for tests. Disposing removes the folder.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from './database.ts';

export interface TemporaryDatabase extends AsyncDisposable {
  readonly folder: string;
  /** The database that is open now. */
  database(): Database;
  reopen(): Promise<Database>;
}

export async function openTemporary(): Promise<TemporaryDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-sqlite-'));
  let database = await openDatabase(folder);
  return {
    folder,
    database: () => database,
    reopen: async () => {
      await database[Symbol.asyncDispose]();
      database = await openDatabase(folder);
      return database;
    },
    [Symbol.asyncDispose]: async () => {
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
