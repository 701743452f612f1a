// The sweeper program over MongoDB and JetStream: feeds the queue from the store, and takes back
// deliveries whose dispatcher died.

import { openBlobStore } from '../adapters/mongo/blob-store.ts';
import { openCatalog } from '../adapters/mongo/catalog.ts';
import { openMongo } from '../adapters/mongo/connection.ts';
import { openDrainingSenders } from '../adapters/mongo/draining-senders.ts';
import { openMessageStore } from '../adapters/mongo/message-store.ts';
import { openNats } from '../adapters/nats/connection.ts';
import { NatsNotices } from '../adapters/nats/notices.ts';
import { NatsWorkQueue } from '../adapters/nats/work-queue.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { SystemRandom } from '../adapters/system/random.ts';
import type { Config } from '../runtime/config.ts';
import { reporter } from '../runtime/log.ts';
import {
  type About,
  dependenciesOf,
  openOperations,
  type Program,
  queueNames,
  started,
} from '../runtime/program.ts';
import { startSweeper } from './start-sweeper.ts';

export async function start(config: Config<'sweeper'>, about: About): Promise<Program> {
  const report = reporter(about.log);
  await using open = new AsyncDisposableStack();
  const operations = await openOperations(open, config.metricsAddr, dependenciesOf.sweeper, about);
  const mongo = open.use(await openMongo(config.mongodbUrl, { ca: config.mongodbCa }));
  const nats = open.use(openNats(config.natsUrl, { name: 'packetboat-sweeper', ca: config.natsCa }));
  const notices = open.use(new NatsNotices(nats));
  const messages = open.use(await openMessageStore(mongo));
  const queue = open.use(new NatsWorkQueue(nats, queueNames(config)));
  const sweeper = {
    messages,
    blobs: open.use(await openBlobStore(mongo)),
    queue,
    // without keys: the sweeper reads each sender's maximum age, and no credentials
    catalog: open.use(
      await openCatalog(mongo, {
        notices,
        keys: null,
        report: (error) => report('the catalog could not be read', error),
      }),
    ),
    drainingSenders: await openDrainingSenders(mongo, notices),
    clock: systemClock,
    random: new SystemRandom(),
    leaseMs: config.leaseMs,
    lapseDelayMs: config.lapseDelayMs,
    republishMs: config.republishMs,
    metrics: about.metrics,
    report,
  };
  operations.health.watch({ store: messages, queue });
  open.use(startSweeper(sweeper));
  open.defer(() => operations.health.stopping());
  return started(open, { metrics: operations.port });
}
