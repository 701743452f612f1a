// Runs the operator: mirrors the objects of the API server, queues the objects that a change
// affects, and visits them.

import { Failure } from '../../services/core/failure.ts';
import { operatorLimits } from '../../services/core/limits/operator.ts';
import type { Keys } from '../../services/core/secrets/keyring.ts';
import type { CatalogWriter } from '../../services/ports/catalog-writer.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import type { Random } from '../../services/ports/random.ts';
import type { Resolver } from '../../services/ports/resolver.ts';
import type { SenderFiguresStore } from '../../services/ports/sender-figures.ts';
import { type SenderResource, senders, type TemplateResource, templates } from '../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { EventNote, EventRecorder } from '../kubernetes/event-recorder.ts';
import { type ObjectChange, Reflector } from '../kubernetes/reflector.ts';
import {
  configMaps,
  type KubernetesObject,
  keyText,
  leases,
  metadataOf,
  namespaces as namespaceResource,
  type ObjectKey,
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
import { Comparison } from './comparison.ts';
import { countReady } from './count-ready.ts';
import { secretIndexers, senderIndexers, templateIndexers } from './indexes.ts';
import type { OperatorMetrics } from './metrics.ts';
import { MergedMirror } from './mirror.ts';
import { EVERYWHERE, isLasting, Namespaces, noteOn, type UnusableNamespace } from './namespaces.ts';
import { decidePausedStatus, isPaused } from './pause.ts';
import { keyOf } from './precedence.ts';
import type { CatalogAccess } from './publish.ts';
import { DnsChecks } from './sender/dns-checks.ts';
import { reconcileSender, type SenderParts } from './sender/reconcile.ts';
import { writeFigures } from './sender/write-figures.ts';
import { StoreWatch } from './store-watch.ts';
import { reconcileTemplate } from './template/reconcile.ts';
import { Tenants } from './tenants.ts';

export interface OperatorParts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: CatalogWriter;
  readonly messages: Pick<MessageStore, 'check'>;
  readonly figures: Pick<SenderFiguresStore, 'lastHour'>;
  readonly resolver: Resolver;
  readonly events: EventRecorder;
  /** The keys of purpose `catalog`, which mark the DKIM keys of this installation. */
  readonly keys: Keys;
  /** Name of the cluster in the catalog. */
  readonly cluster: string;
  /** Null: all namespaces. */
  readonly namespaces: readonly string[] | null;
  /** Retires entries although many objects are missing at once. */
  readonly isMassRetireAllowed: boolean;
  /** The leader's Lease, which gets the Events about namespaces. */
  readonly lease: ObjectKey;
  /** The leader's term. */
  readonly term: number;
  readonly metrics: OperatorMetrics;
  readonly report: (what: string, error: unknown) => void;
  /** Called when every usable namespace has been listed, and after each change from then on. */
  readonly onNamespaces: (unusable: readonly UnusableNamespace[]) => void;
  /** Called when a newer leader has written to the catalog: this operator has to stop. */
  readonly onFenced: () => void;
}

const SWEEP = 'sweep';
const COMPARE = 'compare';
const COMPARE_AGAIN = 'compare again';

/** The kinds that are mirrored in each namespace. */
const MIRRORED = [senders, templates, secrets, configMaps].map(({ plural }) => plural);

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
  readonly #namespaces: Namespaces;
  readonly #comparison: Comparison;
  readonly #dns: DnsChecks;
  /** Until every usable namespace is listed, changes queue nothing; then everything is queued. */
  #isSynced = false;
  readonly #senderQueue: RetryQueue;
  readonly #templateQueue: RetryQueue;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    const {
      client,
      clock,
      random,
      writer,
      messages,
      resolver,
      events,
      cluster,
      term,
      metrics,
      report,
      keys,
    } = parts;
    this.#store = new StoreWatch({
      clock,
      check: () => messages.check(),
      onChange: () => this.#sweepSoon(),
    });
    this.#catalog = { writer, cluster, term, metrics, store: this.#store };
    this.#tenants = new Tenants(client, clock);
    this.#namespaces = new Namespaces({
      names: parts.namespaces,
      kinds: MIRRORED,
      onListed: () => this.#sweepSoon(),
      onReason: (namespace, unusable) => this.#onReason(namespace, unusable),
    });
    this.#comparison = new Comparison({
      ...{ client, metrics, keys, mirrors: this.#mirrors, catalog: this.#catalog },
      secrets: this.#secrets,
      namespaces: parts.namespaces,
      isMassRetireAllowed: parts.isMassRetireAllowed,
      onHeld: (note) => {
        report(note.note, null);
        this.#tellLease(note);
      },
    });
    const dns = new DnsChecks(resolver, clock);
    this.#dns = dns;
    const { senders } = this.#mirrors;
    const [catalog, tenants, secrets] = [this.#catalog, this.#tenants, this.#secrets];
    this.#visitParts = { client, clock, random, keys, senders, secrets, tenants, catalog, dns, events };
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
      work: (key) =>
        this.#stopWhenFenced(() => {
          if (key === SWEEP) return this.#sweep();
          if (key === COMPARE) return this.#compare(() => this.#comparison.run());
          if (key === COMPARE_AGAIN) return this.#compare(() => this.#comparison.runAgain());
          return this.#visitTemplate(key);
        }),
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
    await this.#untilListed(signal);
    if (!signal.aborted) this.#templateQueue.add(SWEEP);
    await Promise.all([
      ...reflecting,
      watchingStore,
      countReady({ clock, metrics, mirrors }, signal),
      writeFigures({ client, clock, figures, senders: mirrors.senders, tenants, report }, signal),
      this.#senderQueue.run(operatorLimits.reconcileWorkers, signal),
      this.#templateQueue.run(operatorLimits.reconcileWorkers, signal),
    ]);
    for (const namespace of namespaces ?? [EVERYWHERE]) metrics.namespaceUsable(namespace, null);
  }

  /**
   * Waits until each namespace is listed or known to be unusable. A namespace that fails for
   * another reason is waited for only for a while.
   */
  async #untilListed(signal: AbortSignal): Promise<void> {
    const { clock, metrics, namespaces, onNamespaces } = this.#parts;
    const decided = new AbortController();
    void this.#namespaces.decided.then(() => decided.abort());
    await clock.sleep(operatorLimits.namespacesWaitMs, AbortSignal.any([signal, decided.signal]));
    if (signal.aborted) return;
    this.#isSynced = true;
    this.#namespaces.stopWaiting();
    const unusable = this.#namespaces.unusable();
    for (const namespace of namespaces ?? [EVERYWHERE])
      metrics.namespaceUsable(namespace, !unusable.some((scope) => scope.namespace === namespace));
    onNamespaces(unusable);
  }

  #sweepSoon(): void {
    if (this.#isSynced) this.#templateQueue.add(SWEEP);
  }

  #onReason(namespace: string, unusable: UnusableNamespace | null): void {
    const { metrics, report, onNamespaces } = this.#parts;
    const { type, reason, note } = noteOn(namespace, unusable);
    if (unusable !== null) report(note, unusable.error);
    this.#tellLease({ type, reason, action: 'List', note });
    if (!this.#isSynced) return;
    metrics.namespaceUsable(namespace, unusable === null);
    onNamespaces(this.#namespaces.unusable());
    // whatever failed there has missed changes
    if (unusable === null) this.#sweepSoon();
  }

  /** Records an Event on the Lease, in the background. */
  #tellLease(note: EventNote): void {
    const { client, events, lease, report } = this.#parts;
    client.get(leases, lease).then(
      (found) => events.record(leases, found, note),
      (error: unknown) => report('the Lease could not be read for an Event', error),
    );
  }

  #reflect<T extends KubernetesObject, I extends string>(
    resource: Resource<T>,
    mirror: MergedMirror<T, I>,
    namespace: string | undefined,
    affectedBy: (change: ObjectChange<T>) => Affected,
  ) {
    const { client, clock, random, report, metrics } = this.#parts;
    const onContact = (): void => metrics.contact(resource.plural);
    const scope = namespace ?? EVERYWHERE;
    const { plural } = resource;
    const onChange = (change: ObjectChange<T>): void => {
      if (this.#isSynced) this.#enqueue(affectedBy(change));
    };
    const parts = {
      ...{ client, clock, random, onChange, onContact, indexers: mirror.indexers },
      // a list in a namespace that does not exist is empty
      beforeList: async (signal: AbortSignal): Promise<void> => {
        if (namespace !== undefined && plural === senders.plural)
          await client.get(namespaceResource, { name: namespace }, { signal });
      },
      onListed: (): void => this.#namespaces.listed(scope, plural),
      onFailed: (error: unknown): void => this.#namespaces.failed(scope, plural, error),
      // `#onReason` reports these once, and the reflector would report each retry
      report: (what: string, error: unknown): void => {
        if (!isLasting(error)) report(what, error);
      },
    };
    const reflector = new Reflector<T, I>(resource, namespace === undefined ? {} : { namespace }, parts);
    mirror.add(reflector);
    return reflector;
  }

  #enqueue({ senders: changed, templates: changedTemplates, isComparisonDue }: Affected): void {
    for (const object of changed) this.#senderQueue.add(keyText(keyOf(object)));
    for (const object of changedTemplates) this.#templateQueue.add(keyText(keyOf(object)));
    if (isComparisonDue) this.#templateQueue.addAfter(COMPARE, operatorLimits.compareDelayMs);
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
    if (object === null || !this.#isListed(object)) return null;
    return isPaused(object) ? this.#pause(senders, object) : reconcileSender(this.#visitParts, object);
  }

  async #visitTemplate(key: string): Promise<number | null> {
    const object = this.#mirrors.templates.get(parseKey(key));
    if (object === null || !this.#isListed(object)) return null;
    if (isPaused(object)) return this.#pause(templates, object);
    return reconcileTemplate({ ...this.#visitParts, templates: this.#mirrors.templates }, object);
  }

  /** What an object refers to is not known before; then the sweep visits it. */
  #isListed({ metadata: { namespace = '' } }: KubernetesObject): boolean {
    return this.#namespaces.isListed(namespace);
  }

  async #pause<T extends SenderResource | TemplateResource>(resource: Resource<T>, object: T): Promise<null> {
    await applyStatus(this.#parts, resource, object, decidePausedStatus(object, this.#parts.clock.now()));
    return null;
  }

  /** Visits all objects, and then compares them with the catalog. */
  async #sweep(): Promise<number> {
    const { senders, templates } = this.#mirrors;
    this.#enqueue({ senders: senders.objects(), templates: templates.objects(), isComparisonDue: true });
    this.#dns.keepOnly(new Set(senders.objects().flatMap(({ metadata }) => metadata.uid ?? [])));
    return operatorLimits.operatorSweepEveryMs;
  }

  async #compare(run: () => Promise<boolean>): Promise<null> {
    // another sweep follows when the store is reachable again
    if (!this.#store.isDown && !(await run()))
      this.#templateQueue.addAfter(COMPARE_AGAIN, operatorLimits.compareAgainMs);
    return null;
  }
}
