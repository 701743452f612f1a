// The key that a first run prints. It is kept in the data folder, readable by its owner only, so that the next run can print it again: there is
// nobody yet who could have written it down.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_RANDOM_BYTES, makeKey } from '../core/api-key.ts';
import { ensureFirstKey } from '../ingest/bootstrap-key.ts';
import type { KeyStore } from '../ports/key-store.ts';
import type { Random } from '../ports/random.ts';

export interface FirstKeyParts {
  readonly keys: KeyStore;
  readonly random: Random;
  readonly now: number;
  readonly dataDir: string;
  /** Of the user's own making; null: one is made up. */
  readonly chosen: string | null;
}

/** Null: the store has other keys, and this one is not among them. */
export async function firstKey({ keys, random, now, dataDir, chosen }: FirstKeyParts): Promise<string | null> {
  const text = chosen ?? (await readOrMake(join(dataDir, 'key'), random));
  return (await ensureFirstKey(keys, text, now)) ? text : null;
}

async function readOrMake(file: string, random: Random): Promise<string> {
  const { text } = makeKey('live', random.bytes(KEY_RANDOM_BYTES));
  try {
    await writeFile(file, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
    return text;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    return (await readFile(file, 'utf8')).trim();
  }
}
