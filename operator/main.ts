// The operator: publishes the Senders and Templates of a Kubernetes cluster to the catalog. Any number of operators may run; the holder of the Lease works.

import { createResolver } from '../services/adapters/dns/resolver.ts';
import { openCatalogWriter } from '../services/adapters/mongo/catalog-writer.ts';
import { openMongo } from '../services/adapters/mongo/connection.ts';
import { openMessageStore } from '../services/adapters/mongo/message-store.ts';
import { openSenderFigures } from '../services/adapters/mongo/sender-figures.ts';
import { openNats } from '../services/adapters/nats/connection.ts';
import { NatsNotices } from '../services/adapters/nats/notices.ts';
import { systemClock } from '../services/adapters/system/clock.ts';
import { SystemRandom } from '../services/adapters/system/random.ts';
import { keysFor } from '../services/core/keyring.ts';
import type { Config } from '../services/runtime/config.ts';
import { readKeyring } from '../services/runtime/keyring.ts';
import { reporter } from '../services/runtime/log.ts';
import { type About, dependenciesOf, openOperations, type Program, started } from '../services/runtime/program.ts';
import { CONTROLLER } from './api/v1alpha1/names.ts';
import { senders } from './api/v1alpha1/resources.ts';
import { accessOf } from './kubernetes/access.ts';
import { elect } from './kubernetes/elector.ts';
import { EventRecorder } from './kubernetes/event-recorder.ts';
import { openKubernetesClient } from './kubernetes/http-client.ts';
import { operate } from './reconcile/operator.ts';

const NAME = 'packetboat-operator';

export async function start(config: Config<'operator'>, { log, metrics }: About): Promise<Program> {
  const report = reporter(log);
  await using open = new AsyncDisposableStack();
  const operations = await openOperations(open, config.metricsAddr, dependenciesOf.operator, { log, metrics });
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
  const events = open.use(new EventRecorder({ client, clock: systemClock, controller: CONTROLLER, instance: config.identity, report }));
  const [namespace = config.namespace] = config.namespaces ?? [config.namespace];
  const api = {
    // ready means that the operator may list the first kind that it watches
    check: async () => void (await client.list(senders, namespace === '*' ? { limit: 1 } : { namespace, limit: 1 })),
  };
  operations.health.watch({ store: messages, kubernetes: api });

  const stop = new AbortController();
  const lead = async (): Promise<void> => {
    const lease = { namespace: config.namespace, name: config.leaseName };
    const own = { kind: 'operator', name: config.cluster } as const;
    const freshTerm = async () => Math.max(0, ...(await writer.list(own)).map(({ fence }) => fence.term)) + 1;
    while (!stop.signal.aborted) {
      const leadership = await elect({ client, clock: systemClock, lease, identity: config.identity, freshTerm, report }, stop.signal);
      log.info({ term: leadership.term }, 'leading');
      metrics.leader(NAME, true);
      const fenced = new AbortController();
      const { term } = leadership;
      const namespaces = config.namespaces ?? [config.namespace];
      await operate(
        {
          ...{ client, clock: systemClock, random, writer, messages, figures, resolver, events, term, report },
          cluster: config.cluster,
          namespaces: namespaces.includes('*') ? null : namespaces,
          onFenced: () => fenced.abort(),
          metrics: {
            senders: metrics.workQueue('sender'),
            templates: metrics.workQueue('template'),
            ready: metrics.resourceReady,
            published: metrics.published,
            contact: metrics.contact,
          },
        },
        AbortSignal.any([stop.signal, leadership.lost, fenced.signal]),
      );
      metrics.leader(NAME, false);
      await leadership.release();
      log.info({ term }, 'no longer leading');
    }
  };
  const leading = lead().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  open.defer(async () => {
    operations.health.stopping();
    stop.abort();
    await leading;
  });
  return started(open, { metrics: operations.port });
}
