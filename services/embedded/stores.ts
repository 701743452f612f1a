// Opens the stores of embedded mode in its data folder: one database, the blobs and a keyring.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openBlobStore } from '../adapters/file/blob-store.ts';
import { openDatabase } from '../adapters/sqlite/database.ts';
import { SqliteKeyStore } from '../adapters/sqlite/key-store.ts';
import { openMessageStore, type SqliteMessageStore } from '../adapters/sqlite/message-store.ts';
import { SqliteSuppressionStore } from '../adapters/sqlite/suppression-store.ts';
import { Failure } from '../core/failure.ts';
import { type KeyPurpose, type Keys, keysFor } from '../core/secrets/keyring.ts';
import type { BlobStore } from '../ports/blob-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { KeyStore } from '../ports/key-store.ts';
import type { Random } from '../ports/random.ts';
import type { SuppressionStore } from '../ports/suppression-store.ts';
import { readKeyring, readOrMakeKeyring } from '../runtime/keyring.ts';

interface Stores {
  readonly messages: SqliteMessageStore;
  readonly blobs: BlobStore;
  readonly suppressions: SuppressionStore;
  readonly keys: KeyStore;
  readonly keyring: Readonly<Record<KeyPurpose, Keys>>;
  /** Resolves when the database has failed for the rest of the process. */
  readonly failed: Promise<Failure>;
}

interface StoresOptions {
  readonly dataDir: string;
  /** Null: the keyring in the data folder, which the first start generates. */
  readonly keyringFile: string | null;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Throws `Failure('conflict')` if another process uses the folder, `Failure('invalid')` if the
 * folder cannot be created.
 */
export async function openStores(
  open: AsyncDisposableStack,
  { dataDir, keyringFile, clock, random }: StoresOptions,
): Promise<Stores> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    const why = `The data folder ${dataDir} cannot be created (${error.code}). Set PACKETBOAT_DATA_DIR to another folder.`;
    throw new Failure('invalid', why, { cause: error });
  });
  // opened first, since its lock rejects a second process
  const database = open.use(await openDatabase(dataDir));
  const keyring =
    keyringFile === null
      ? await readOrMakeKeyring(join(dataDir, 'keyring.json'), random)
      : await readKeyring(keyringFile);
  const messages = open.use(await openMessageStore(database, clock));
  return {
    messages,
    failed: database.failed,
    blobs: open.use(await openBlobStore(join(dataDir, 'blobs'), messages)),
    suppressions: open.use(new SqliteSuppressionStore(database)),
    keys: open.use(new SqliteKeyStore(database)),
    keyring: {
      catalog: keysFor(keyring, 'catalog'),
      suppression: keysFor(keyring, 'suppression'),
      cursor: keysFor(keyring, 'cursor'),
      return: keysFor(keyring, 'return'),
    },
  };
}
