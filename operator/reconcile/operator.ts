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
import { configMapFields, namesIn, secretFields } from './references.ts';
import { SENDER_UID } from './sender/key-secrets.ts';
import { LookUps } from './sender/look-ups.ts';
import { domainOf, reconcileSender } from './sender/reconcile.ts';
import { tellFigures } from './sender/tell-figures.ts';
import { claimedBy, reconcileTemplate } from './template/reconcile.ts';
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
  readonly #senders = new Copies<SenderResource>();
  readonly #templates = new Copies<TemplateResource>();
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
      this.#reflect(metadataOf(secrets), null, namespace, (change) => this.#secretChanged(change)),
      this.#reflect(metadataOf(configMaps), null, namespace, (change) => this.#configMapChanged(change)),
    ]);
    const running = reflecting.map((reflector) => reflector.run(signal));
    // nobody is judged by half of what there is: the oldest of two may not be known yet
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([Promise.all(reflecting.map(({ synced }) => synced)), stopped]);
    if (!signal.aborted) this.#templateQueue.add(SWEEP);
    await Promise.all([
      ...running,
      this.#countReady(signal),
      tellFigures({ ...this.#context, figures, report }, signal),
      this.#senderQueue.run(limits.reconcileWorkers, signal),
      this.#templateQueue.run(limits.reconcileWorkers, signal),
    ]);
  }

  #reflect<T extends KubernetesObject>(
    resource: Resource<T>,
    copies: Copies<T> | null,
    namespace: string | undefined,
    onChange: (change: ObjectChange<T>) => void,
  ) {
    const { client, clock, random, report, metrics } = this.#parts;
    const onContact = (): void => metrics.contact(resource.plural);
    const parts = { client, clock, random, report, onChange, onContact };
    const reflector = new Reflector(resource, namespace === undefined ? {} : { namespace }, parts);
    copies?.add(reflector);
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
    this.#senderQueue.add(keyText(keyOf(object)));
    if (before !== null && after !== null) return;
    // who comes or goes decides about the others of its domain, and about templates that name it
    const domain = domainOf(object);
    for (const other of this.#senders.objects()) if (domainOf(other) === domain) this.#senderQueue.add(keyText(keyOf(other)));
    for (const template of this.#near(object)) {
      if (namesIn(template.spec, ['senderRef']).includes(object.metadata.name)) this.#templateQueue.add(keyText(keyOf(template)));
    }
    if (after === null) this.#templateQueue.add(SWEEP);
  }

  #templateChanged({ before, after }: ObjectChange<TemplateResource>): void {
    if (!concerns(before, after)) return;
    const object = after ?? before;
    if (object === null) return;
    this.#templateQueue.add(keyText(keyOf(object)));
    // a layout is part of each template that it stands around, at whatever depth
    for (const template of this.#near(object)) {
      if (namesIn(template.spec, ['layoutRef']).length > 0) this.#templateQueue.add(keyText(keyOf(template)));
    }
    const claimed = new Set([before, after].flatMap((one) => (one === null ? [] : [claimedBy(one)])));
    for (const other of this.#templates.objects()) if (claimed.has(claimedBy(other))) this.#templateQueue.add(keyText(keyOf(other)));
    // what it was called before is to go out of view
    if (after === null || claimed.size > 1) this.#templateQueue.add(SWEEP);
  }

  #secretChanged({ before, after }: ObjectChange<KubernetesObject>): void {
    const { metadata } = after ?? before ?? { metadata: { name: '' } };
    const owner = metadata.labels?.[SENDER_UID];
    for (const sender of this.#senders.objects()) {
      if (sender.metadata.namespace !== metadata.namespace) continue;
      const isOwn = owner !== undefined && sender.metadata.uid === owner;
      if (isOwn || namesIn(sender.spec, secretFields).includes(metadata.name)) this.#senderQueue.add(keyText(keyOf(sender)));
    }
  }

  #configMapChanged({ before, after }: ObjectChange<KubernetesObject>): void {
    const object = after ?? before;
    if (object === null) return;
    const near = this.#near(object);
    if (!near.some((template) => namesIn(template.spec, configMapFields).includes(object.metadata.name))) return;
    for (const template of near) {
      const isOwn = namesIn(template.spec, configMapFields).includes(object.metadata.name);
      if (isOwn || namesIn(template.spec, ['layoutRef']).length > 0) this.#templateQueue.add(keyText(keyOf(template)));
    }
  }

  #near({ metadata }: KubernetesObject): readonly TemplateResource[] {
    return this.#templates.objects().filter((template) => template.metadata.namespace === metadata.namespace);
  }

  /** Compares all objects with the catalog: what was missed, restored or changed by another hand mends itself. */
  async #sweep(): Promise<number> {
    const { writer, cluster, term } = this.#context;
    const uids = new Set([...this.#senders.objects(), ...this.#templates.objects()].map(({ metadata }) => metadata.uid));
    const named = new Map(this.#templates.objects().map((template) => [template.metadata.uid, claimedBy(template)]));
    for (const { key, uid, fence } of await writer.list({ kind: 'operator', name: cluster })) {
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
    for (const sender of this.#senders.objects()) this.#senderQueue.add(keyText(keyOf(sender)));
    for (const template of this.#templates.objects()) this.#templateQueue.add(keyText(keyOf(template)));
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
class Copies<T extends KubernetesObject> implements Mirror<T> {
  readonly #reflectors: Reflector<T>[] = [];

  add(reflector: Reflector<T>): void {
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
