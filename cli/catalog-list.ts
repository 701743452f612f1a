// `packetboat catalog list`: the senders and templates in the catalog, with their revision, their
// source, and whether they drain.

import { listCatalog } from '../services/adapters/mongo/catalog-listing.ts';
import { openMongo } from '../services/adapters/mongo/connection.ts';
import type { Config } from '../services/runtime/config.ts';
import { type Printer, toConsole } from './catalog-apply.ts';

const HEADINGS = ['STATE', 'REVISION', 'CHANGED', 'SOURCE', 'KEY'] as const;

/** Throws a `Failure` if the store cannot be read. */
export async function printCatalog(
  config: Pick<Config<'catalog'>, 'mongodbUrl' | 'mongodbCa'>,
  { say }: Pick<Printer, 'say'> = toConsole,
): Promise<void> {
  await using mongo = await openMongo(config.mongodbUrl, { ca: config.mongodbCa });
  const rows = (await listCatalog(mongo)).map(({ key, revision, state, source, updatedAt }) => [
    state,
    String(revision),
    new Date(updatedAt).toISOString().replace(/\.\d+/, ''),
    `${source.kind}/${source.name}`,
    key,
  ]);
  for (const line of table([HEADINGS, ...rows])) say(line);
}

/** Lines with columns of equal width. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEADINGS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
