// The key that a first run prints. The data folder keeps it, readable by its owner only, so that
// the next run can print it again: nobody can have written it down before. A key that does not work
// is never printed.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_RANDOM_BYTES, makeKey } from '../core/access/api-key.ts';
import { needsFirstKey } from '../core/access/key-life.ts';
import { Failure } from '../core/failure.ts';
import { describeFirstKey, ensureFirstKey } from '../ingest/bootstrap-key.ts';
import type { KeyStore } from '../ports/key-store.ts';
import type { Random } from '../ports/random.ts';

export interface FirstKeyParts {
  readonly keys: KeyStore;
  readonly random: Random;
  readonly now: number;
  readonly dataDir: string;
  /** Of the user's own making; null: one is made up. */
  readonly chosen: string | null;
  readonly tenant: string;
  readonly requestsPerMinute: number;
}

/** A key that works, or why there is none to print and what to do. */
export type ShownKey = { readonly key: string } | { readonly key: null; readonly reason: string };

export async function firstKey(parts: FirstKeyParts): Promise<ShownKey> {
  const { keys, now, chosen, tenant, requestsPerMinute } = parts;
  if (chosen !== null) {
    const reason = describeFirstKey(
      await ensureFirstKey(keys, { text: chosen, tenant, requestsPerMinute }, now),
      tenant,
    );
    return reason === null ? { key: chosen } : { key: null, reason };
  }
  const file = join(parts.dataDir, tenant === 'default' ? 'key' : `key-${tenant}`);
  const saved = await readSaved(file);
  if (saved !== null && (await works(parts, saved, file))) return { key: saved };
  if (!needsFirstKey(await keys.list(tenant), now)) {
    const reason =
      `The tenant ${tenant} has other keys already, which only their owners know. Make keys with one of those: POST /v1/keys. ` +
      'If they are lost, set PACKETBOAT_DATA_DIR to a new folder, where keys and messages begin anew.';
    return { key: null, reason };
  }
  // first the file: a start that ends between the two makes the same key the next time
  const { text } = makeKey('live', parts.random.bytes(KEY_RANDOM_BYTES));
  await save(file, text);
  if (!(await works(parts, text, file)))
    throw new Failure('internal', 'a key that was just made does not work');
  return { key: text };
}

async function works(
  { keys, now, tenant, requestsPerMinute }: FirstKeyParts,
  text: string,
  file: string,
): Promise<boolean> {
  try {
    return (await ensureFirstKey(keys, { text, tenant, requestsPerMinute }, now)).kind === 'works';
  } catch (error) {
    if (!(error instanceof Failure && error.kind === 'invalid')) throw error;
    throw new Failure('invalid', `The file ${file} does not hold an API key. Remove the file.`, {
      cause: error,
    });
  }
}

async function readSaved(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Whole or not at all. */
async function save(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, `${text}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
