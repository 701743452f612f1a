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
import { Failure } from '../services/core/failure.ts';
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
import { accessOf } from './kubernetes/access.ts';
import { EventRecorder } from './kubernetes/event-recorder.ts';
import { openKubernetesClient } from './kubernetes/http-client.ts';
import { leases } from './kubernetes/resource.ts';
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
  const lease = { namespace: config.namespace, name: config.leaseName };
  const listing = new Listing();
  const api = {
    // ready means that the API server replies and that a leader has listed every usable namespace
    check: async () => {
      await client.get(leases, lease).catch(nullIfNotFound);
      await listing.done;
    },
  };
  operations.health.watch({ store: messages, kubernetes: api });

  const stop = new AbortController();
  const namespaces = config.namespaces ?? [config.namespace];
  const leading = runAsLeader(
    {
      ...{ client, clock: systemClock, random, writer, messages, figures, resolver, events, report, log },
      keys,
      cluster: config.cluster,
      namespaces: namespaces.includes('*') ? null : namespaces,
      isMassRetireAllowed: config.allowMassRetire,
      lease,
      identity: config.identity,
      onLeader: (isLeader) => {
        metrics.leader(NAME, isLeader);
        if (isLeader) listing.begin();
        else listing.end();
        operations.health.degrade([]);
      },
      onNamespaces: (unusable) => {
        listing.end();
        operations.health.degrade(
          unusable.map(({ namespace, reason }) => `namespace ${namespace}: ${reason}`),
        );
      },
      metrics: {
        senders: metrics.workQueue('sender'),
        templates: metrics.workQueue('template'),
        ready: metrics.resourceReady,
        retirementsHeld: metrics.retirementsHeld,
        namespaceUsable: metrics.namespaceUsable,
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

/** Whether this operator, as the leader, still lists namespaces. */
class Listing {
  #finished = Promise.withResolvers<void>();

  constructor() {
    this.end();
  }

  /** Resolves at once unless a list has begun and not ended. */
  get done(): Promise<void> {
    return this.#finished.promise;
  }

  begin(): void {
    this.end();
    this.#finished = Promise.withResolvers();
  }

  end(): void {
    this.#finished.resolve();
  }
}

/** Before the first election there is no Lease. */
function nullIfNotFound(error: unknown): null {
  if (error instanceof Failure && error.kind === 'not_found') return null;
  throw error;
}
