// The operator: publishes the Senders and Templates of a Kubernetes cluster to the catalog. Any
// number of operators may run; the holder of the Lease works.

import { createResolver } from '../services/adapters/dns/resolver.ts';
import { openCatalogWriter } from '../services/adapters/mongo/catalog-writer.ts';
import { openMongo } from '../services/adapters/mongo/connection.ts';
import { openMessageStore } from '../services/adapters/mongo/message-store.ts';
import { openSenderFigures } from '../services/adapters/mongo/sender-figures.ts';
import { openNats } from '../services/adapters/nats/connection.ts';
import { NatsNotices } from '../services/adapters/nats/notices.ts';
import { systemClock } from '../services/adapters/system/clock.ts';
import { SystemRandom } from '../services/adapters/system/random.ts';
import { keysFor } from '../services/core/secrets/keyring.ts';
import type { Config } from '../services/runtime/config.ts';
import { readKeyring } from '../services/runtime/keyring.ts';
import { reporter } from '../services/runtime/log.ts';
import {
  type About,
  dependenciesOf,
  openOperations,
  type Program,
  started,
} from '../services/runtime/program.ts';
import { CONTROLLER } from './api/v1alpha1/names.ts';
import { senders } from './api/v1alpha1/resources.ts';
import { accessOf } from './kubernetes/access.ts';
import { EventRecorder } from './kubernetes/event-recorder.ts';
import { openKubernetesClient } from './kubernetes/http-client.ts';
import { runAsLeader } from './run-as-leader.ts';

const NAME = 'packetboat-operator';

export async function start(config: Config<'operator'>, { log, metrics }: About): Promise<Program> {
  const report = reporter(log);
  await using open = new AsyncDisposableStack();
  const operations = await openOperations(open, config.metricsAddr, dependenciesOf.operator, {
    log,
    metrics,
  });
  const keys = keysFor(await readKeyring(config.keyringFile), 'catalog');
  const client = open.use(
    await openKubernetesClient({
      access: accessOf(config),
      fieldManager: NAME,
      onAnswer: metrics.kubernetesRequest,
    }),
  );
  const mongo = open.use(await openMongo(config.mongodbUrl, { ca: config.mongodbCa }));
  const nats = open.use(openNats(config.natsUrl, { name: NAME, ca: config.natsCa }));
  const notices = open.use(new NatsNotices(nats));
  const random = new SystemRandom();
  const messages = open.use(await openMessageStore(mongo));
  const figures = open.use(await openSenderFigures(mongo));
  const writer = open.use(await openCatalogWriter(mongo, { notices, random, keys }));
  const servers = config.dnsServers;
  const resolver = open.use(createResolver(servers === undefined ? {} : { servers }));
  const events = open.use(
    new EventRecorder({
      client,
      clock: systemClock,
      controller: CONTROLLER,
      instance: config.identity,
      report,
    }),
  );
  const [namespace = config.namespace] = config.namespaces ?? [config.namespace];
  const api = {
    // ready means that the operator may list the first kind that it watches
    check: async () =>
      void (await client.list(senders, namespace === '*' ? { limit: 1 } : { namespace, limit: 1 })),
  };
  operations.health.watch({ store: messages, kubernetes: api });

  const stop = new AbortController();
  const namespaces = config.namespaces ?? [config.namespace];
  const leading = runAsLeader(
    {
      ...{ client, clock: systemClock, random, writer, messages, figures, resolver, events, report, log },
      cluster: config.cluster,
      namespaces: namespaces.includes('*') ? null : namespaces,
      lease: { namespace: config.namespace, name: config.leaseName },
      identity: config.identity,
      onLeader: (isLeader) => metrics.leader(NAME, isLeader),
      metrics: {
        senders: metrics.workQueue('sender'),
        templates: metrics.workQueue('template'),
        ready: metrics.resourceReady,
        draining: metrics.drainingSenders,
        published: metrics.published,
        contact: metrics.contact,
      },
    },
    stop.signal,
  );
  open.defer(async () => {
    operations.health.stopping();
    stop.abort();
    await leading;
  });
  return started(open, { metrics: operations.port });
}
