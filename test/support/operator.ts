// An operator in this process, on an API server and a store.

import { EventRecorder } from '../../operator/kubernetes/event-recorder.ts';
import { openKubernetesClient } from '../../operator/kubernetes/http-client.ts';
import type { OperatorMetrics } from '../../operator/reconcile/metrics.ts';
import type { UnusableNamespace } from '../../operator/reconcile/namespaces.ts';
import { operate } from '../../operator/reconcile/operator.ts';
import { createResolver } from '../../services/adapters/dns/resolver.ts';
import { MemoryNotices } from '../../services/adapters/memory/notices.ts';
import { openCatalogWriter } from '../../services/adapters/mongo/catalog-writer.ts';
import { openMongo } from '../../services/adapters/mongo/connection.ts';
import { openMessageStore } from '../../services/adapters/mongo/message-store.ts';
import { openSenderFigures } from '../../services/adapters/mongo/sender-figures.ts';
import { systemClock } from '../../services/adapters/system/clock.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import type { Keys } from '../../services/core/secrets/keyring.ts';

const idle = { added: () => {}, retried: () => {}, depth: () => {}, worked: () => {} };

export interface OperatorOptions {
  readonly kubeconfig: string;
  readonly mongodbUrl: string;
  /** Of a DNS server on 127.0.0.1; the system's by default. */
  readonly dnsPort?: number;
  readonly cluster?: string;
  /** All of them by default. */
  readonly namespaces?: readonly string[];
  readonly term?: number;
  /** False by default. */
  readonly isMassRetireAllowed?: boolean;
  readonly keys?: Keys;
  readonly metrics?: Partial<OperatorMetrics>;
  /** The Lease has to exist only for Events about namespaces. */
  readonly lease?: { readonly namespace: string; readonly name: string };
  readonly onNamespaces?: (unusable: readonly UnusableNamespace[]) => void;
  readonly onAnswer?: Parameters<typeof openKubernetesClient>[0]['onAnswer'];
  /** By default the test fails. */
  readonly onFenced?: () => void;
}

/** At work when it resolves. Disposing stops it. */
export async function startOperatorHere(
  options: OperatorOptions,
): Promise<AsyncDisposable & { readonly ended: Promise<void> }> {
  await using open = new AsyncDisposableStack();
  const { kubeconfig, dnsPort, onAnswer, cluster = 'default', namespaces = null, term = 1 } = options;
  const { keys = [{ id: 'k1', secret: new Uint8Array(32).fill(7) }] } = options;
  const client = open.use(
    await openKubernetesClient({
      access: { kubeconfig },
      fieldManager: 'packetboat-operator',
      ...(onAnswer === undefined ? {} : { onAnswer }),
    }),
  );
  const mongo = open.use(await openMongo(options.mongodbUrl));
  const random = new SystemRandom();
  const report = (): void => {}; // what is away in tests is taken away on purpose
  const parts = {
    ...{ client, random, report, keys, cluster, namespaces, term, clock: systemClock },
    messages: open.use(await openMessageStore(mongo)),
    figures: open.use(await openSenderFigures(mongo)),
    writer: open.use(await openCatalogWriter(mongo, { notices: new MemoryNotices(), random, keys })),
    resolver: open.use(
      createResolver(dnsPort === undefined ? {} : { servers: [{ host: '127.0.0.1', port: dnsPort }] }),
    ),
    events: open.use(
      new EventRecorder({
        client,
        clock: systemClock,
        controller: 'packetboat.dev/operator',
        instance: 'test',
        report,
      }),
    ),
    metrics: {
      senders: idle,
      templates: idle,
      ready: () => {},
      retirementsHeld: () => {},
      namespaceUsable: () => {},
      published: () => {},
      contact: () => {},
      ...options.metrics,
    },
    isMassRetireAllowed: options.isMassRetireAllowed ?? false,
    lease: options.lease ?? { namespace: 'default', name: 'packetboat-operator' },
    onNamespaces: options.onNamespaces ?? (() => {}),
    onFenced:
      options.onFenced ??
      (() => {
        throw new Error('nobody else writes');
      }),
  };
  const stop = new AbortController();
  const ended = operate(parts, stop.signal);
  open.defer(async () => {
    stop.abort();
    await ended;
  });
  const owned = open.move();
  return { ended, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
