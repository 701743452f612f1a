// The API key that `packetboat dev` prints at each start. The first start generates the key and
// saves it in the data folder, readable by its owner only, so that later starts can print it too. A
// key that does not work is never printed.

import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_RANDOM_BYTES, makeKey } from '../core/access/api-key.ts';
import { needsFirstKey } from '../core/access/key-life.ts';
import { Failure } from '../core/failure.ts';
import { describeFirstKey, ensureFirstKey } from '../ingest/ensure-first-key.ts';
import type { KeyStore } from '../ports/key-store.ts';
import type { Random } from '../ports/random.ts';

export interface FirstKeyParts {
  readonly keys: KeyStore;
  readonly random: Random;
  readonly now: number;
  readonly dataDir: string;
  /** The key of PACKETBOAT_BOOTSTRAP_KEY; null: a key is generated. */
  readonly chosen: string | null;
  readonly tenant: string;
  readonly requestsPerMinute: number;
}

/** A key that works, or the reason why there is none to print and what to do. */
export type KeyToPrint = { readonly key: string } | { readonly key: null; readonly reason: string };

export async function firstKey(parts: FirstKeyParts): Promise<KeyToPrint> {
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
      `The tenant ${tenant} already has other keys, which only their owners know. Create further keys with one of them: POST /v1/keys. ` +
      'If they are lost, set PACKETBOAT_DATA_DIR to a new folder, without keys and messages.';
    return { key: null, reason };
  }
  // the file is saved first: if the process ends before the key is stored, the next start stores
  // the same key
  const { text } = makeKey('live', parts.random.bytes(KEY_RANDOM_BYTES));
  await save(file, text);
  if (!(await works(parts, text, file))) throw new Failure('internal', 'a newly generated key does not work');
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

/** Atomic: the file is written whole or not at all. */
async function save(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, `${text}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
}
