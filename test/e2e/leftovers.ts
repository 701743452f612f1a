// Lists the data of an installation besides its messages: content in its store and files of its
// processes. A rejected request must leave none.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MongoClient } from 'mongodb';
import type { Installation } from '../support/installation.ts';

/** A text that is equal for equal data. */
export async function leftovers({ programs, env }: Installation): Promise<string> {
  const files = await Promise.all(
    programs.map(async ({ role, folder }, i) =>
      (await filesIn(folder)).map((file) => `${role} ${i}: ${file}`),
    ),
  );
  const documents = env.MONGODB_URL === undefined ? [] : await documentsIn(env.MONGODB_URL);
  return [...files.flat(), ...documents].join('\n');
}

/** Names only: a database and its log grow and shrink. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
    .toSorted();
}

async function documentsIn(url: string): Promise<string[]> {
  await using client = await MongoClient.connect(url);
  const collections = await client.db().listCollections({}, { nameOnly: true }).toArray();
  // these come with the first look at the server, and with figures of a sender, at any time
  const names = collections
    .map(({ name }) => name)
    .filter((name) => !/^(?:health|senderFigures)$/.test(name));
  return await Promise.all(
    names.toSorted().map(async (name) => `${name}: ${await client.db().collection(name).countDocuments()}`),
  );
}
