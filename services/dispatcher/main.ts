// The dispatcher program over MongoDB, JetStream and Redis: claims deliveries, sends them to the
// next hop and records the outcomes.

import { openBlobStore } from '../adapters/mongo/blob-store.ts';
import { openCatalog } from '../adapters/mongo/catalog.ts';
import { openMongo } from '../adapters/mongo/connection.ts';
import { openMessageStore } from '../adapters/mongo/message-store.ts';
import { openSenderFigures } from '../adapters/mongo/sender-figures.ts';
import { openSuppressionStore } from '../adapters/mongo/suppression-store.ts';
import { openNats } from '../adapters/nats/connection.ts';
import { NatsNotices } from '../adapters/nats/notices.ts';
import { NatsWorkQueue } from '../adapters/nats/work-queue.ts';
import { RedisBudgets } from '../adapters/redis/budgets.ts';
import { openRedis } from '../adapters/redis/connection.ts';
import { createSmtpTransport } from '../adapters/smtp/transport.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { SystemRandom } from '../adapters/system/random.ts';
import { currentCredentials } from '../core/delivery/pacing/current-credentials.ts';
import { keysFor } from '../core/secrets/keyring.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { Config } from '../runtime/config.ts';
import { readKeyring } from '../runtime/keyring.ts';
import { reporter } from '../runtime/log.ts';
import {
  type About,
  budgetNames,
  dependenciesOf,
  openOperations,
  type Program,
  queueNames,
  started,
} from '../runtime/program.ts';
import { SigningKeys } from './sign.ts';
import { startDispatcher } from './start-dispatcher.ts';
import { storeTally, Tally } from './tally.ts';

export async function start(config: Config<'dispatcher'>, about: About): Promise<Program> {
  const { log, metrics } = about;
  const report = reporter(log);
  await using open = new AsyncDisposableStack();
  const operations = await openOperations(open, config.metricsAddr, dependenciesOf.dispatcher, about);
  const keyring = await readKeyring(config.keyringFile);
  const keys = {
    catalog: keysFor(keyring, 'catalog'),
    suppression: keysFor(keyring, 'suppression'),
    return: keysFor(keyring, 'return'),
  };
  const relay = config.relay ?? null;

  const mongo = open.use(await openMongo(config.mongodbUrl, { ca: config.mongodbCa }));
  const nats = open.use(openNats(config.natsUrl, { name: 'packetboat-dispatcher', ca: config.natsCa }));
  const notices = open.use(new NatsNotices(nats));
  const messages = open.use(await openMessageStore(mongo));
  const queue = open.use(new NatsWorkQueue(nats, queueNames(config)));
  const redis = open.use(openRedis(config.redisUrl, { name: 'packetboat-dispatcher', ca: config.redisCa }));
  const budgets = open.use(
    new RedisBudgets(redis, { clock: systemClock, group: 'dispatcher', ...budgetNames(config) }),
  );
  const onCatalogTrouble = (error: unknown): void => report('the catalog could not be read', error);
  const catalog = open.use(
    await openCatalog(mongo, { notices, keys: keys.catalog, report: onCatalogTrouble }),
  );
  const tally = new Tally();
  const dispatcher = {
    messages,
    blobs: open.use(await openBlobStore(mongo)),
    suppressions: open.use(openSuppressionStore(mongo)),
    queue,
    budgets,
    catalog,
    transport: open.use(
      createSmtpTransport({
        allowed: config.allowCidrs ?? [],
        operatorRelay: relay,
        credentialsOf: (route) => currentCredentials(catalog.current(), route),
      }),
    ),
    clock: systemClock,
    random: new SystemRandom(),
    templates: new CompiledTemplates(),
    signingKeys: new SigningKeys(),
    suppressionKeys: keys.suppression,
    returnKey: keys.return[0].secret,
    relay,
    leaseMs: config.leaseMs,
    metrics,
    tally,
    report,
  };
  const figures = open.use(await openSenderFigures(mongo));
  operations.health.watch({ store: messages, queue, budgets });
  // stops after the dispatcher, so that the last outcomes are counted too
  const stop = new AbortController();
  const storing = storeTally(tally, { store: figures, clock: systemClock, report }, stop.signal);
  open.defer(async () => {
    stop.abort();
    await storing;
  });
  open.use(startDispatcher(dispatcher));
  open.defer(() => operations.health.stopping());
  return started(open, { metrics: operations.port });
}
