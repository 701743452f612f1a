// Embedded mode: gateway, ingest, dispatcher and sweeper in one process, over SQLite, files, and a
// queue and budgets in memory. The code is the same as in a cluster, with other adapters. A
// development inbox receives all mail unless a relay is configured.

import { join } from 'node:path';
import { frontPage } from '../../gateway/docs/front-page.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { IngestServiceService } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { openCatalog } from '../adapters/file/catalog.ts';
import { MemoryBudgets } from '../adapters/memory/budgets.ts';
import { MemoryFailureCounts } from '../adapters/memory/failure-counts.ts';
import { MemoryWorkQueue } from '../adapters/memory/work-queue.ts';
import { createSmtpTransport } from '../adapters/smtp/transport.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { SystemRandom } from '../adapters/system/random.ts';
import type { Route } from '../core/catalog/catalog.ts';
import { currentCredentials } from '../core/delivery/pacing/current-credentials.ts';
import type { Fault } from '../core/documents/fault.ts';
import { type Cidr, parseCidr } from '../core/network/dialable.ts';
import { CompiledTemplates } from '../core/template/compiled-templates.ts';
import type { Dispatcher } from '../dispatcher/dispatcher-parts.ts';
import { SigningKeys } from '../dispatcher/sign.ts';
import { startDispatcher } from '../dispatcher/start-dispatcher.ts';
import { type Inbox, startInbox } from '../inbox/inbox.ts';
import { inboxPages } from '../inbox/pages.ts';
import { Backlogs } from '../ingest/backlogs.ts';
import { FailedAuthentications } from '../ingest/failed-authentications.ts';
import { ingestServices } from '../ingest/grpc-services.ts';
import type { Ingest } from '../ingest/ingest-parts.ts';
import { KeyCache } from '../ingest/key-cache.ts';
import type { RpcContext } from '../ingest/receive-calls.ts';
import { ConcurrentDisposables } from '../runtime/concurrent-disposables.ts';
import type { Config } from '../runtime/config.ts';
import { loadContract } from '../runtime/contract.ts';
import { readDescriptors, serveGrpc } from '../runtime/grpc-server.ts';
import { judgedFieldsOf } from '../runtime/judged-fields.ts';
import { reporter } from '../runtime/log.ts';
import { lostNamesJudge } from '../runtime/lost-names.ts';
import { type About, dependenciesOf, openOperations, type Program, started } from '../runtime/program.ts';
import { startSweeper } from '../sweeper/start-sweeper.ts';
import { firstKey, type KeyToPrint } from './first-key.ts';
import { inProcessIngest } from './in-process-ingest.ts';
import { resume } from './resume.ts';
import { openStores } from './stores.ts';

export interface EmbeddedProgram extends Program {
  /** The API key to start with, or the reason why there is none. */
  readonly firstKey: KeyToPrint;
}

/** The default of PACKETBOAT_ALLOW_CIDRS: in development, mail goes to loopback. */
const LOOPBACK = ['127.0.0.0/8', '::1/128'].map(parseCidr).filter((range): range is Cidr => range !== null);

export async function start(
  config: Config<'dev'>,
  about: About & { readonly exampleCatalogDir: string },
): Promise<EmbeddedProgram> {
  const { log, metrics } = about;
  const report = reporter(log);
  const clock = systemClock;
  const random = new SystemRandom();
  await using open = new AsyncDisposableStack();
  const { dataDir, keyringFile = null } = config;
  const stores = await openStores(open, { dataDir, keyringFile, clock, random });
  const { messages, blobs, suppressions, keys, keyring } = stores;
  // opened after the stores, which reject a second process: its error should name the data folder,
  // not a port
  const { health, port } = await openOperations(open, config.metricsAddr, dependenciesOf.dev, about);
  const catalog = open.use(
    await openCatalog({
      folder: config.catalogDir ?? about.exampleCatalogDir,
      state: join(dataDir, 'catalog'),
      keys: keyring.catalog,
      random,
      now: () => messages.now(),
      report: (fault) => {
        metrics.catalogFault();
        log.warn(
          describeFault(fault),
          'an object in the catalog folder has a fault; its last good revision stays in use',
        );
      },
      reportTrouble: (error) => report('the catalog folder could not be read', error),
    }),
  );
  const queue = open.use(new MemoryWorkQueue(clock));
  const budgets = open.use(new MemoryBudgets(clock));
  const templates = new CompiledTemplates();
  const shared = {
    messages,
    blobs,
    suppressions,
    queue,
    budgets,
    catalog,
    clock,
    random,
    templates,
    republishMs: config.republishMs,
    report,
  };

  const inbox = open.use(
    await startInbox({ smtp: { host: '127.0.0.1', port: 0 }, folder: join(dataDir, 'inbox'), log }),
  );
  const relay = config.relay ?? toInbox(inbox);
  const transport = open.use(
    createSmtpTransport({
      allowed: config.allowCidrs ?? LOOPBACK,
      operatorRelay: relay,
      credentialsOf: (route) => currentCredentials(catalog.current(), route),
    }),
  );
  const dispatcher: Dispatcher = {
    ...shared,
    transport,
    signingKeys: new SigningKeys(),
    suppressionKeys: keyring.suppression,
    returnKey: keyring.return[0].secret,
    relay,
    leaseMs: config.leaseMs,
    metrics,
  };
  const ingest: Ingest = {
    ...shared,
    keys,
    hashKeys: { suppression: keyring.suppression, cursor: keyring.cursor },
    keyCache: new KeyCache(keys, clock),
    failedAuthentications: new FailedAuthentications({
      counts: new MemoryFailureCounts(clock),
      clock,
      hashKey: keyring.cursor[0],
      metrics,
    }),
    backlogs: new Backlogs(messages, clock),
  };
  const contract = loadContract();
  // The gateway is in this process, so no caller over gRPC is a gateway.
  const isGateway = (): boolean => false;
  const calls: RpcContext = {
    ingest,
    judgedFields: judgedFieldsOf(contract),
    judgeLostNames: lostNamesJudge(contract),
    metrics,
    isGateway,
  };
  const keyToPrint = await firstKey({
    keys,
    random,
    now: messages.now(),
    dataDir,
    chosen: config.bootstrapKey ?? null,
    tenant: config.bootstrapTenant,
    requestsPerMinute: config.bootstrapRequestsPerMinute,
  });

  health.watch({ store: messages, queue, budgets });
  // before the dispatcher claims and ingest publishes; without this step the sweeper continues the
  // mail later, so a failure does not stop the start
  const { inHand, inQueue } = await resume({ messages, lapseDelayMs: config.lapseDelayMs, metrics }).catch(
    (error) => {
      report('the mail of the previous process was not continued at once', error);
      return { inHand: 0, inQueue: 0 };
    },
  );
  if (inHand + inQueue > 0)
    log.info({ in_hand: inHand, in_queue: inQueue }, 'continuing the mail of the previous process');
  const working = open.use(new ConcurrentDisposables());
  working.use(
    startSweeper({
      ...shared,
      drainingSenders: catalog.drainingSenders,
      leaseMs: config.leaseMs,
      lapseDelayMs: config.lapseDelayMs,
      metrics,
    }),
  );
  working.use(startDispatcher(dispatcher));
  const descriptors = await readDescriptors();
  // only a gateway may call this service, since its calls state that a request was already counted
  const services = ingestServices(calls).filter(({ definition }) => definition !== IngestServiceService);
  const grpc = working.use(await serveGrpc(config.grpcAddr, { services, health, descriptors }));
  const gateway = working.use(
    await startGateway({
      ingest: inProcessIngest(calls),
      http: config.httpAddr,
      publicUrl: config.publicUrl,
      health,
      log,
      metrics,
      folder: dataDir,
      contract,
      connectionsPerAddressMax: config.connectionsPerAddress,
      trustedProxies: config.trustedProxies ?? [],
      corsOrigins: config.corsOrigins ?? [],
      plugins: [
        inboxPages(inbox, { hosts: [config.httpAddr.host] }),
        frontPage([{ path: '/inbox', about: 'The development inbox, which receives all mail' }]),
      ],
    }),
  );
  open.defer(() => health.stopping());
  return {
    ...started(open, { http: gateway.port, grpc: grpc.port, metrics: port, smtp: inbox.smtpPort }),
    firstKey: keyToPrint,
    failed: stores.failed,
  };
}

const toInbox = ({ smtpPort }: Inbox): Route => ({
  name: 'inbox',
  host: '127.0.0.1',
  port: smtpPort,
  tls: 'None',
  credentials: null,
  ca: null,
});

/** A file that is not valid YAML has no object, and its fault has no path. */
const describeFault = ({ file, line, column, kind, namespace, name, reason, path, message }: Fault) => ({
  place: `${file}:${line}:${column}`,
  ...(kind === '' ? {} : { object: `${kind} ${namespace}/${name}` }),
  reason,
  ...(path === '' ? {} : { path }),
  fault: message,
});
