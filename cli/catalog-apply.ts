// `packetboat catalog apply`: writes a folder to the catalog of a cluster without an operator. An
// object with faults keeps its last good revision, the other objects are written, and the exit code
// is 1.

import { documentsOf, stampsOf } from '../services/adapters/file/folder.ts';
import { openCatalogWriter } from '../services/adapters/mongo/catalog-writer.ts';
import { openMongo } from '../services/adapters/mongo/connection.ts';
import { openNats } from '../services/adapters/nats/connection.ts';
import { NatsNotices } from '../services/adapters/nats/notices.ts';
import { SystemRandom } from '../services/adapters/system/random.ts';
import { entryKey } from '../services/core/catalog/catalog.ts';
import type { Fault } from '../services/core/documents/fault.ts';
import { Failure } from '../services/core/failure.ts';
import { catalogLimits } from '../services/core/limits/catalog.ts';
import { compileFolder } from '../services/core/objects/compile-folder.ts';
import { keysFor } from '../services/core/secrets/keyring.ts';
import type { CatalogEntry, CatalogSource, WriteResult } from '../services/ports/catalog-writer.ts';
import type { Config } from '../services/runtime/config.ts';
import { readKeyring } from '../services/runtime/keyring.ts';

/** Receives the output; tests pass their own. */
export interface Printer {
  /** For results. */
  readonly say: (line: string) => void;
  /** For faults. */
  readonly complain: (line: string) => void;
}

export const toConsole: Printer = {
  say: (line) => console.log(line),
  complain: (line) => console.error(line),
};

/**
 * Resolves to the exit code: 0 if the whole folder is in the catalog. Throws a `Failure` if the
 * folder cannot be read or the store cannot be written.
 */
export async function applyCatalog(
  folder: string,
  config: Config<'catalog'>,
  { say, complain }: Printer = toConsole,
): Promise<0 | 1> {
  const read = await readFolder(folder);
  const compiled = compileFolder(read.documents);
  const faults = [...read.faults, ...compiled.faults];
  for (const fault of faults) complain(describeFault(fault));

  const keys = keysFor(await readKeyring(config.keyringFile), 'catalog');
  await using mongo = await openMongo(config.mongodbUrl, { ca: config.mongodbCa });
  await using nats = openNats(config.natsUrl, { name: 'packetboat-catalog', ca: config.natsCa });
  await using notices = new NatsNotices(nats);
  // a notice is lost without a connection, so this waits for the first try to connect
  await nats
    .check()
    .catch(() =>
      complain(
        `NATS is unreachable: services will see the change within ${catalogLimits.catalogHeadEveryMs / 1000} s`,
      ),
    );
  await using writer = await openCatalogWriter(mongo, { notices, random: new SystemRandom(), keys });
  // if two applies run concurrently, the later one by the store's clock wins
  const source: CatalogSource = {
    kind: 'folder',
    name: 'apply',
    fence: { term: Math.floor(mongo.now()), generation: 0 },
  };

  let isDone = faults.length === 0;
  const entries: CatalogEntry[] = [
    ...compiled.senders.map((sender) => ({ kind: 'sender', sender }) as const),
    ...compiled.templates.map((template) => ({ kind: 'template', template }) as const),
  ];
  for (const entry of entries) {
    const result = await writer.put(source, entry);
    const isWritten = result.kind !== 'fenced' && result.kind !== 'foreign';
    isDone &&= isWritten;
    (isWritten ? say : complain)(
      `${wordOf(result)} ${entryKey(entry)}${entry.kind === 'template' ? `@${result.revision}` : ''}`,
    );
  }
  // a file that cannot be read may contain any of the missing objects
  if (read.isWhole) {
    const removed = await writer.prune(source, compiled.present);
    if (removed > 0) say(`removed ${removed} that are no longer in the folder`);
  }
  return isDone ? 0 : 1;
}

async function readFolder(folder: string) {
  try {
    return await documentsOf(folder, (await stampsOf(folder)).keys());
  } catch (cause) {
    if (cause instanceof Failure)
      throw new Failure(cause.kind, `The folder ${folder} cannot be read: ${cause.message}.`);
    throw new Failure('invalid', `The folder ${folder} cannot be read${codeOf(cause)}.`, { cause });
  }
}

/** ` (ENOENT)` for a system error, else an empty text. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? ` (${error.code})` : '';

export const describeFault = ({
  file,
  line,
  column,
  kind,
  namespace,
  name,
  reason,
  path,
  message,
}: Fault): string =>
  `${file}:${line}:${column}: ${kind === '' ? '' : `${kind} ${namespace}/${name}: `}${path === '' ? '' : `${path}: `}${message} (${reason})`;

const wordOf = ({ kind }: WriteResult): string =>
  kind === 'foreign' ? 'owned by another source:' : kind === 'fenced' ? 'written by a later apply:' : kind;
