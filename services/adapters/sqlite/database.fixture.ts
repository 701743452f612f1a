// A database in a folder of its own, for tests; the folder goes with it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Database, openDatabase } from './database.ts';

export interface TemporaryDatabase extends AsyncDisposable {
  readonly folder: string;
  /** The one that is open now. */
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
