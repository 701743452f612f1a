// The operator at work: copies of what the API server has, a queue of what is to be visited, and the visits. What a change concerns is decided here.

import { Failure } from '../../services/core/failure.ts';
import { limits } from '../../services/core/limits.ts';
import type { CatalogWriter } from '../../services/ports/catalog-writer.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import type { Random } from '../../services/ports/random.ts';
import type { Resolver } from '../../services/ports/resolver.ts';
import type { SenderFiguresStore } from '../../services/ports/sender-figures.ts';
import { type SenderResource, senders, type TemplateResource, templates } from '../api/v1alpha1/resources.ts';
import type { SenderStatus } from '../api/v1alpha1/status.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { EventRecorder } from '../kubernetes/event-recorder.ts';
import type { Indexers } from '../kubernetes/object-store.ts';
import { type ObjectChange, Reflector } from '../kubernetes/reflector.ts';
import {
  configMaps,
  type KubernetesObject,
  keyText,
  metadataOf,
  type ObjectKey,
  parseKey,
  type Resource,
  secrets,
} from '../kubernetes/resource.ts';
import { WorkQueue } from '../kubernetes/work-queue.ts';
import { type Context, keyOf, type Mirror, type OperatorMetrics } from './context.ts';
import { claimedBy, domainOf, secretIndexers, senderIndexers, templateIndexers } from './indexes.ts';
import { LookUps } from './sender/look-ups.ts';
import { reconcileSender } from './sender/reconcile.ts';
import { tellFigures } from './sender/tell-figures.ts';
import { reconcileTemplate } from './template/reconcile.ts';
import { Tenants } from './tenants.ts';
import { REQUESTED_AT, writeStatus } from './write-status.ts';

export interface OperatorParts {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly writer: CatalogWriter;
  readonly messages: Pick<MessageStore, 'list'>;
  readonly figures: Pick<SenderFiguresStore, 'lastHour'>;
  readonly resolver: Resolver;
  readonly events: EventRecorder;
  readonly cluster: string;
  /** Null: all of them. */
  readonly namespaces: readonly string[] | null;
  readonly term: number;
  readonly metrics: OperatorMetrics;
  readonly report: (what: string, error: unknown) => void;
  /** A newer leader has written: whoever hears of it stops. */
  readonly onFenced: () => void;
}

export const PAUSED = 'packetboat.dev/paused';
const SWEEP = 'sweep';

/** Works until the signal aborts. Never rejects. */
export async function operate(parts: OperatorParts, signal: AbortSignal): Promise<void> {
  const operator = new Operator(parts);
  await operator.run(signal);
}

class Operator {
  readonly #parts: OperatorParts;
  readonly #context: Context;
  readonly #senders = new Copies(senderIndexers);
  readonly #templates = new Copies(templateIndexers);
  readonly #secrets = new Copies(secretIndexers);
  /** Until all is listed once, changes concern nobody: then everybody is visited. */
  #isSynced = false;
  readonly #senderQueue: WorkQueue;
  readonly #templateQueue: WorkQueue;

  constructor(parts: OperatorParts) {
    this.#parts = parts;
    const { client, clock, random, writer, messages, resolver, events, cluster, term, metrics, report } = parts;
    const tenants = new Tenants(client, clock);
    this.#context = {
      client,
      clock,
      random,
      senders: this.#senders,
      templates: this.#templates,
      secrets: this.#secrets,
      tenants,
      writer,
      messages,
      lookUps: new LookUps(resolver, clock),
      events,
      cluster,
      term,
      metrics,
    };
    this.#senderQueue = new WorkQueue({
      clock,
      report,
      metrics: metrics.senders,
      work: (key) => this.#guarded(() => this.#visitSender(key)),
    });
    this.#templateQueue = new WorkQueue({
      clock,
      report,
      metrics: metrics.templates,
      work: (key) => this.#guarded(() => this.#visitTemplate(key)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { figures, report } = this.#parts;
    const reflecting = (this.#parts.namespaces ?? [undefined]).flatMap((namespace) => [
      this.#reflect(senders, this.#senders, namespace, (change) => this.#senderChanged(change)),
      this.#reflect(templates, this.#templates, namespace, (change) => this.#templateChanged(change)),
      this.#reflect(metadataOf(secrets), this.#secrets, namespace, (change) => this.#secretChanged(change)),
      this.#reflect(metadataOf(configMaps), new Copies<KubernetesObject, never>({}), namespace, (change) => this.#configMapChanged(change)),
    ]);
    const running = reflecting.map((reflector) => reflector.run(signal));
    // nobody is judged by half of what there is: the oldest of two may not be known yet
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([Promise.all(reflecting.map(({ synced }) => synced)), stopped]);
    this.#isSynced = true;
    if (!signal.aborted) this.#templateQueue.add(SWEEP);
    await Promise.all([
      ...running,
      this.#countReady(signal),
      tellFigures({ ...this.#context, figures, report }, signal),
      this.#senderQueue.run(limits.reconcileWorkers, signal),
      this.#templateQueue.run(limits.reconcileWorkers, signal),
    ]);
  }

  #reflect<T extends KubernetesObject, I extends string>(
    resource: Resource<T>,
    copies: Copies<T, I>,
    namespace: string | undefined,
    handle: (change: ObjectChange<T>) => void,
  ) {
    const { client, clock, random, report, metrics } = this.#parts;
    const onContact = (): void => metrics.contact(resource.plural);
    const onChange = (change: ObjectChange<T>): void => {
      if (this.#isSynced) handle(change);
    };
    const parts = { client, clock, random, report, onChange, onContact, indexers: copies.indexers };
    const reflector = new Reflector<T, I>(resource, namespace === undefined ? {} : { namespace }, parts);
    copies.add(reflector);
    return reflector;
  }

  /** A leader that was overtaken changes nothing any more, so it need not go on. */
  async #guarded(visit: () => Promise<number | null>): Promise<number | null> {
    try {
      return await visit();
    } catch (error) {
      if (error instanceof Failure && error.code === 'fenced') this.#parts.onFenced();
      throw error;
    }
  }

  async #visitSender(key: string): Promise<number | null> {
    const object = this.#senders.get(parseKey(key));
    if (object === null) return null;
    return (await this.#isPaused(senders, object)) ? null : reconcileSender(this.#context, object);
  }

  async #visitTemplate(key: string): Promise<number | null> {
    if (key === SWEEP) return this.#sweep();
    const object = this.#templates.get(parseKey(key));
    if (object === null) return null;
    return (await this.#isPaused(templates, object)) ? null : reconcileTemplate(this.#context, object);
  }

  async #isPaused<T extends SenderResource | TemplateResource>(resource: Resource<T>, object: T): Promise<boolean> {
    const isPaused = object.metadata.annotations?.[PAUSED] === 'true' && object.metadata.deletionTimestamp === undefined;
    if (!isPaused) return false;
    const { conditions = [], observedGeneration: _, lastHandledRequest: __, figures: ___, ...found }: SenderStatus = { ...object.status };
    const judged = conditions.flatMap(({ type, status, reason, message }) =>
      type === 'ReconciliationPaused' ? [] : [{ type: type as 'Ready', status, reason, message }],
    );
    const paused = { type: 'ReconciliationPaused', status: 'True', reason: 'Paused', message: `the annotation ${PAUSED} is set` } as const;
    await writeStatus(this.#context, resource, object, [...judged, paused], found);
    return true;
  }

  #senderChanged({ before, after }: ObjectChange<SenderResource>): void {
    if (!concerns(before, after)) return;
    const object = after ?? before;
    if (object === null) return;
    this.#visitSenders([object]);
    if (before !== null && after !== null) return;
    // who comes or goes decides about the others of its domain, and about templates that name it
    const domain = domainOf(object);
    if (domain !== null) this.#visitSenders(this.#senders.by('domain', domain));
    this.#visitTemplates(this.#templates.by('sender', keyText(keyOf(object))));
    if (after === null) this.#templateQueue.add(SWEEP);
  }

  #templateChanged({ before, after }: ObjectChange<TemplateResource>): void {
    if (!concerns(before, after)) return;
    const object = after ?? before;
    if (object === null) return;
    this.#visitTemplates(this.#within([object]));
    const claimed = new Set([before, after].flatMap((one) => (one === null ? [] : [claimedBy(one)])));
    for (const identifier of claimed) this.#visitTemplates(this.#templates.by('identifier', identifier));
    // what it was called before is to go out of view
    if (after === null || claimed.size > 1) this.#templateQueue.add(SWEEP);
  }

  #secretChanged({ before, after }: ObjectChange<KubernetesObject>): void {
    const object = after ?? before;
    if (object === null) return;
    const owners = [before, after].flatMap((one) => (one === null ? [] : secretIndexers.sender(one)));
    this.#visitSenders(owners.flatMap((uid) => this.#senders.by('uid', uid)));
    this.#visitSenders(this.#senders.by('secret', keyText(keyOf(object))));
  }

  #configMapChanged({ before, after }: ObjectChange<KubernetesObject>): void {
    const object = after ?? before;
    if (object !== null) this.#visitTemplates(this.#within(this.#templates.by('configMap', keyText(keyOf(object)))));
  }

  /** These, and those that stand within them: a layout is part of each template around which it stands, at whatever depth. */
  #within(layouts: readonly TemplateResource[]): readonly TemplateResource[] {
    const found = new Map(layouts.map((layout) => [keyText(keyOf(layout)), layout]));
    // a Map goes on with what is added meanwhile
    for (const key of found.keys()) for (const inner of this.#templates.by('layout', key)) found.set(keyText(keyOf(inner)), inner);
    return [...found.values()];
  }

  #visitSenders(objects: readonly SenderResource[]): void {
    for (const object of objects) this.#senderQueue.add(keyText(keyOf(object)));
  }

  #visitTemplates(objects: readonly TemplateResource[]): void {
    for (const object of objects) this.#templateQueue.add(keyText(keyOf(object)));
  }

  /** Compares all objects with the catalog: what was missed, restored or changed by another hand mends itself. */
  async #sweep(): Promise<number> {
    const { writer, cluster, term } = this.#context;
    this.#visitSenders(this.#senders.objects());
    this.#visitTemplates(this.#templates.objects());
    // before what is known here is looked at: what is published meanwhile is not gone
    const listed = await writer.list({ kind: 'operator', name: cluster });
    const uids = new Set([...this.#senders.objects(), ...this.#templates.objects()].map(({ metadata }) => metadata.uid));
    const named = new Map(this.#templates.objects().map((template) => [template.metadata.uid, claimedBy(template)]));
    for (const { key, uid, fence } of listed) {
      const identifier = uid === null ? undefined : named.get(uid);
      const isRenamed = identifier !== undefined && key.startsWith('template/') && !key.endsWith(`/${identifier}`);
      if (uid !== null && uids.has(uid) && !isRenamed) continue;
      const source = {
        kind: 'operator',
        name: cluster,
        ...(uid === null ? {} : { uid }),
        fence: { term, generation: fence.generation },
      } as const;
      await writer.remove(source, key);
    }
    return limits.operatorSweepEveryMs;
  }

  /** Beside the visits: each of them would have to look at all objects. */
  async #countReady(signal: AbortSignal): Promise<void> {
    const { clock, metrics } = this.#parts;
    while (!signal.aborted) {
      for (const [kind, copies] of [['Sender', this.#senders] as const, ['Template', this.#templates] as const]) {
        const counts = { True: 0, False: 0, Unknown: 0 };
        for (const { status } of copies.objects())
          counts[status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown'] += 1;
        for (const status of ['True', 'False', 'Unknown'] as const) metrics.ready(kind, status, counts[status]);
      }
      await clock.sleep(limits.countReadyEveryMs, signal);
    }
  }
}

/** The copies of several namespaces as one. */
class Copies<T extends KubernetesObject, I extends string> implements Mirror<T, I> {
  readonly indexers: Indexers<T, I>;
  readonly #reflectors: Reflector<T, I>[] = [];

  constructor(indexers: Indexers<T, I>) {
    this.indexers = indexers;
  }

  add(reflector: Reflector<T, I>): void {
    this.#reflectors.push(reflector);
  }

  get(key: ObjectKey): T | null {
    for (const reflector of this.#reflectors) {
      const found = reflector.get(key);
      if (found !== null) return found;
    }
    return null;
  }

  objects(): readonly T[] {
    return this.#reflectors.flatMap((reflector) => reflector.objects());
  }

  by(index: I, value: string): readonly T[] {
    return this.#reflectors.flatMap((reflector) => reflector.by(index, value));
  }
}

/** Our own writes to the status are no reason to visit again. */
function concerns(before: KubernetesObject | null, after: KubernetesObject | null): boolean {
  if (before === null || after === null) return true;
  const about = ({ metadata }: KubernetesObject): string =>
    JSON.stringify([
      metadata.uid,
      metadata.generation,
      metadata.deletionTimestamp,
      metadata.finalizers,
      metadata.annotations?.[PAUSED],
      metadata.annotations?.[REQUESTED_AT],
    ]);
  return about(before) !== about(after);
}
