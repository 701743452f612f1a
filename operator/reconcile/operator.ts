// Runs the operator: mirrors the objects of the API server, queues the objects that a change
// affects, and visits them.

import { Failure } from '../../services/core/failure.ts';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { CatalogWriter } from '../../services/ports/catalog-writer.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { MessageList } from '../../services/ports/message-list.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import type { Random } from '../../services/ports/random.ts';
import type { Resolver } from '../../services/ports/resolver.ts';
import type { SenderFiguresStore } from '../../services/ports/sender-figures.ts';
import { type SenderResource, senders, type TemplateResource, templates } from '../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { EventRecorder } from '../kubernetes/event-recorder.ts';
import { type ObjectChange, Reflector } from '../kubernetes/reflector.ts';
import {
  configMaps,
  type KubernetesObject,
  keyText,
  metadataOf,
  parseKey,
  type Resource,
  secrets,
} from '../kubernetes/resource.ts';
import { RetryQueue } from '../kubernetes/retry-queue.ts';
import {
  type Affected,
  affectedByConfigMap,
  affectedBySecret,
  affectedBySender,
  affectedByTemplate,
} from './affected.ts';
import { applyStatus } from './apply-status.ts';
import { countReady } from './count-ready.ts';
import { keyOf } from './identity.ts';
import { secretIndexers, senderIndexers, templateIndexers } from './indexes.ts';
import type { OperatorMetrics } from './metrics.ts';
import { MergedMirror } from './mirror.ts';
import { decidePausedStatus, isPaused } from './pause.ts';
import type { CatalogAccess } from './publish.ts';
import { DnsChecks } from './sender/dns-checks.ts';
import { reconcileSender, type SenderParts } from './sender/reconcile.ts';
import { writeFigures } from './sender/write-figures.ts';
import { StoreWatch } from './store-watch.ts';
import { removeOrphans } from './sweep.ts';
import { reconcileTemplate } from './template/reconcile.ts';
import { Tenants } from './tenants.ts';

export interface OperatorParts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: CatalogWriter;
  readonly messages: MessageList & Pick<MessageStore, 'check'>;
  readonly figures: Pick<SenderFiguresStore, 'lastHour'>;
  readonly resolver: Resolver;
  readonly events: EventRecorder;
  /** Name of the cluster in the catalog. */
  readonly cluster: string;
  /** Null: all namespaces. */
  readonly namespaces: readonly string[] | null;
  /** The leader's term. */
  readonly term: number;
  readonly metrics: OperatorMetrics;
  readonly report: (what: string, error: unknown) => void;
  /** Called when a newer leader has written to the catalog: this operator has to stop. */
  readonly onFenced: () => void;
}

const SWEEP = 'sweep';

/** Works until the signal aborts. Never rejects. */
export async function operate(parts: OperatorParts, signal: AbortSignal): Promise<void> {
  const operator = new Operator(parts);
  await operator.run(signal);
}

class Operator {
  readonly #parts: OperatorParts;
  readonly #store: StoreWatch;
  readonly #catalog: CatalogAccess;
  readonly #visitParts: SenderParts;
  readonly #mirrors = {
    senders: new MergedMirror(senderIndexers),
    templates: new MergedMirror(templateIndexers),
  };
  readonly #secrets = new MergedMirror(secretIndexers);
  readonly #tenants: Tenants;
  /** Until every kind is listed, changes queue nothing; then everything is queued. */
  #isSynced = false;
  readonly #senderQueue: RetryQueue;
  readonly #templateQueue: RetryQueue;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    const { client, clock, random, writer, messages, resolver, events, cluster, term, metrics, report } =
      parts;
    this.#store = new StoreWatch({
      clock,
      check: () => messages.check(),
      onChange: () => {
        if (this.#isSynced) this.#templateQueue.add(SWEEP);
      },
    });
    this.#catalog = { writer, cluster, term, metrics, store: this.#store };
    this.#tenants = new Tenants(client, clock);
    const dns = new DnsChecks(resolver, clock);
    const { senders } = this.#mirrors;
    const [catalog, tenants, secrets] = [this.#catalog, this.#tenants, this.#secrets];
    this.#visitParts = { client, clock, random, senders, secrets, tenants, catalog, messages, dns, events };
    this.#senderQueue = new RetryQueue({
      clock,
      report,
      metrics: metrics.senders,
      work: (key) => this.#stopWhenFenced(() => this.#visitSender(key)),
    });
    this.#templateQueue = new RetryQueue({
      clock,
      report,
      metrics: metrics.templates,
      work: (key) => this.#stopWhenFenced(() => (key === SWEEP ? this.#sweep() : this.#visitTemplate(key))),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, figures, report, metrics, namespaces } = this.#parts;
    const [mirrors, tenants] = [this.#mirrors, this.#tenants];
    const reflectors = (namespaces ?? [undefined]).flatMap((namespace) => [
      this.#reflect(senders, mirrors.senders, namespace, (change) => affectedBySender(change, mirrors)),
      this.#reflect(templates, mirrors.templates, namespace, (change) => affectedByTemplate(change, mirrors)),
      this.#reflect(metadataOf(secrets), this.#secrets, namespace, (change) =>
        affectedBySecret(change, mirrors),
      ),
      this.#reflect(
        metadataOf(configMaps),
        new MergedMirror<KubernetesObject, never>({}),
        namespace,
        (change) => affectedByConfigMap(change, mirrors),
      ),
    ]);
    const reflecting = reflectors.map((reflector) => reflector.run(signal));
    const watchingStore = this.#store.run(signal);
    // before everything is listed, the oldest claimant of a domain or identifier may still be
    // unknown
    const stopped = new Promise<void>((resolve) =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.race([Promise.all(reflectors.map(({ synced }) => synced)), stopped]);
    this.#isSynced = true;
    if (!signal.aborted) this.#templateQueue.add(SWEEP);
    await Promise.all([
      ...reflecting,
      watchingStore,
      countReady({ clock, metrics, mirrors }, signal),
      writeFigures({ client, clock, figures, senders: mirrors.senders, tenants, report }, signal),
      this.#senderQueue.run(operatorLimits.reconcileWorkers, signal),
      this.#templateQueue.run(operatorLimits.reconcileWorkers, signal),
    ]);
  }

  #reflect<T extends KubernetesObject, I extends string>(
    resource: Resource<T>,
    mirror: MergedMirror<T, I>,
    namespace: string | undefined,
    affectedBy: (change: ObjectChange<T>) => Affected,
  ) {
    const { client, clock, random, report, metrics } = this.#parts;
    const onContact = (): void => metrics.contact(resource.plural);
    const onChange = (change: ObjectChange<T>): void => {
      if (this.#isSynced) this.#enqueue(affectedBy(change));
    };
    const parts = { client, clock, random, report, onChange, onContact, indexers: mirror.indexers };
    const reflector = new Reflector<T, I>(resource, namespace === undefined ? {} : { namespace }, parts);
    mirror.add(reflector);
    return reflector;
  }

  #enqueue({ senders: changed, templates: changedTemplates, isSweepDue }: Affected): void {
    for (const object of changed) this.#senderQueue.add(keyText(keyOf(object)));
    for (const object of changedTemplates) this.#templateQueue.add(keyText(keyOf(object)));
    if (isSweepDue) this.#templateQueue.add(SWEEP);
  }

  async #stopWhenFenced(visit: () => Promise<number | null>): Promise<number | null> {
    try {
      return await visit();
    } catch (error) {
      if (error instanceof Failure && error.code === 'fenced') this.#parts.onFenced();
      throw error;
    }
  }

  async #visitSender(key: string): Promise<number | null> {
    const object = this.#mirrors.senders.get(parseKey(key));
    if (object === null) return null;
    return isPaused(object) ? this.#pause(senders, object) : reconcileSender(this.#visitParts, object);
  }

  async #visitTemplate(key: string): Promise<number | null> {
    const object = this.#mirrors.templates.get(parseKey(key));
    if (object === null) return null;
    if (isPaused(object)) return this.#pause(templates, object);
    return reconcileTemplate({ ...this.#visitParts, templates: this.#mirrors.templates }, object);
  }

  async #pause<T extends SenderResource | TemplateResource>(resource: Resource<T>, object: T): Promise<null> {
    await applyStatus(this.#parts, resource, object, decidePausedStatus(object, this.#parts.clock.now()));
    return null;
  }

  async #sweep(): Promise<number> {
    const { senders, templates } = this.#mirrors;
    this.#enqueue({ senders: senders.objects(), templates: templates.objects(), isSweepDue: false });
    // without the store the sweep tells only the objects; it comes again with the store
    if (!this.#store.isDown) await removeOrphans(this.#catalog, this.#mirrors);
    return operatorLimits.operatorSweepEveryMs;
  }
}
