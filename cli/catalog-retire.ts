// `packetboat catalog retire KEY`: retires one entry by hand, for an installation whose operator is
// gone, and for objects that were deleted where the operator may not look.

import { listCatalog } from '../services/adapters/mongo/catalog-listing.ts';
import { openCatalogWriter } from '../services/adapters/mongo/catalog-writer.ts';
import { openMongo } from '../services/adapters/mongo/connection.ts';
import { openNats } from '../services/adapters/nats/connection.ts';
import { NatsNotices } from '../services/adapters/nats/notices.ts';
import { SystemRandom } from '../services/adapters/system/random.ts';
import { catalogLimits } from '../services/core/limits/catalog.ts';
import { keysFor } from '../services/core/secrets/keyring.ts';
import type { Config } from '../services/runtime/config.ts';
import { readKeyring } from '../services/runtime/keyring.ts';
import { type Printer, toConsole } from './catalog-apply.ts';

/** Resolves to the exit code: 0 if the entry is retired. Throws a `Failure` if a store fails. */
export async function retireEntry(
  key: string,
  config: Config<'catalog'>,
  { say, complain }: Printer = toConsole,
): Promise<0 | 1> {
  const keys = keysFor(await readKeyring(config.keyringFile), 'catalog');
  await using mongo = await openMongo(config.mongodbUrl, { ca: config.mongodbCa });
  const entry = (await listCatalog(mongo)).find((listed) => listed.key === key);
  if (entry === undefined) {
    complain(`The catalog has no entry ${key}: see packetboat catalog list.`);
    return 1;
  }
  if (entry.state === 'draining') {
    say(`already draining ${key}`);
    return 0;
  }
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
  const fence = { term: entry.term, generation: Number.MAX_SAFE_INTEGER };
  if (!(await writer.retire({ ...entry.source, fence }, key))) {
    complain(`${key} was written at the same moment and is not retired.`);
    return 1;
  }
  say(`retired ${key}`);
  if (entry.source.kind === 'operator') say('A running operator publishes it again while its object exists.');
  return 0;
}
