// Starts ingest over MongoDB, JetStream and Redis.

import { openBlobStore } from '../adapters/mongo/blob-store.ts';
import { openCatalog } from '../adapters/mongo/catalog.ts';
import { openMongo } from '../adapters/mongo/connection.ts';
import { openKeyStore } from '../adapters/mongo/key-store.ts';
import { openMessageStore } from '../adapters/mongo/message-store.ts';
import { openSuppressionStore } from '../adapters/mongo/suppression-store.ts';
import { openNats } from '../adapters/nats/connection.ts';
import { NatsNotices } from '../adapters/nats/notices.ts';
import { NatsWorkQueue } from '../adapters/nats/work-queue.ts';
import { RedisBudgets } from '../adapters/redis/budgets.ts';
import { openRedis } from '../adapters/redis/connection.ts';
import { RedisFailureCounts } from '../adapters/redis/failure-counts.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { SystemRandom } from '../adapters/system/random.ts';
import { Failure } from '../core/failure.ts';
import { keysFor } from '../core/secrets/keyring.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { Config } from '../runtime/config.ts';
import { loadContract } from '../runtime/contract.ts';
import { readDescriptors, serveGrpc } from '../runtime/grpc-server.ts';
import { judgedFieldsOf } from '../runtime/judged-fields.ts';
import { readKeyring } from '../runtime/keyring.ts';
import { reporter } from '../runtime/log.ts';
import { lostNamesJudge } from '../runtime/lost-names.ts';
import {
  type About,
  budgetNames,
  dependenciesOf,
  openOperations,
  type Program,
  queueNames,
  started,
} from '../runtime/program.ts';
import { namedPeers, openTlsIdentity } from '../runtime/tls.ts';
import { Backlogs } from './backlogs.ts';
import { describeFirstKey, ensureFirstKey } from './ensure-first-key.ts';
import { FailedAuthentications } from './failed-authentications.ts';
import { ingestServices } from './grpc-services.ts';
import type { Ingest } from './ingest-parts.ts';
import { KeyCache } from './key-cache.ts';

export async function start(config: Config<'ingest'>, about: About): Promise<Program> {
  const { log, metrics } = about;
  const report = reporter(log);
  await using open = new AsyncDisposableStack();
  const operations = await openOperations(open, config.metricsAddr, dependenciesOf.ingest, about);
  const keyring = await readKeyring(config.keyringFile);
  const hashKeys = { suppression: keysFor(keyring, 'suppression'), cursor: keysFor(keyring, 'cursor') };
  const clock = systemClock;

  const mongo = open.use(await openMongo(config.mongodbUrl, { ca: config.mongodbCa }));
  const nats = open.use(openNats(config.natsUrl, { name: 'packetboat-ingest', ca: config.natsCa }));
  const notices = open.use(new NatsNotices(nats));
  const messages = open.use(await openMessageStore(mongo));
  const keys = open.use(await openKeyStore(mongo));
  const queue = open.use(new NatsWorkQueue(nats, queueNames(config)));
  const redis = open.use(openRedis(config.redisUrl, { name: 'packetboat-ingest', ca: config.redisCa }));
  const budgets = open.use(new RedisBudgets(redis, { clock, group: 'ingest', ...budgetNames(config) }));
  const ingest: Ingest = {
    messages,
    blobs: open.use(await openBlobStore(mongo)),
    suppressions: open.use(openSuppressionStore(mongo)),
    keys,
    queue,
    budgets,
    catalog: open.use(
      await openCatalog(mongo, {
        notices,
        keys: null,
        report: (error) => report('the catalog could not be read', error),
      }),
    ),
    clock,
    random: new SystemRandom(),
    hashKeys,
    keyCache: new KeyCache(keys, clock),
    failedAuthentications: new FailedAuthentications({
      counts: new RedisFailureCounts(redis, { clock, ...budgetNames(config) }),
      clock,
      hashKey: hashKeys.cursor[0],
      metrics,
    }),
    backlogs: new Backlogs(messages, clock),
    templates: new CompiledTemplates(),
    republishMs: config.republishMs,
    report,
  };
  if (config.bootstrapKey !== undefined) {
    const {
      bootstrapKey: text,
      bootstrapTenant: tenant,
      bootstrapRequestsPerMinute: requestsPerMinute,
    } = config;
    const fault = describeFirstKey(
      await ensureFirstKey(keys, { text, tenant, requestsPerMinute }, messages.now()),
      tenant,
    );
    if (fault !== null) log.warn(fault);
  }

  const tls = await openTlsIdentity(config, report);
  if (tls !== null) open.use(tls);
  if (tls !== null && config.tlsPeerNames === undefined)
    throw new Failure(
      'invalid',
      'PACKETBOAT_TLS_PEER_NAMES is missing: the names of gateways in their certificates',
    );
  const isGateway =
    tls === null || config.tlsPeerNames === undefined ? undefined : namedPeers(config.tlsPeerNames);
  operations.health.watch({ store: messages, queue, budgets });
  const contract = loadContract();
  const grpc = open.use(
    await serveGrpc(config.grpcAddr, {
      services: ingestServices({
        ingest,
        judgedFields: judgedFieldsOf(contract),
        judgeLostNames: lostNamesJudge(contract),
        metrics,
        isGateway,
      }),
      health: operations.health,
      descriptors: await readDescriptors(),
      tls,
    }),
  );
  open.defer(() => operations.health.stopping());
  return started(open, { grpc: grpc.port, metrics: operations.port });
}
