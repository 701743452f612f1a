// What reconciling works with.

import type { CatalogSource, CatalogWriter, WriteResult } from '../../services/ports/catalog-writer.ts';
import type { Clock } from '../../services/ports/clock.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import type { Random } from '../../services/ports/random.ts';
import type { SenderResource, TemplateResource } from '../api/v1alpha1/resources.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import type { EventRecorder } from '../kubernetes/event-recorder.ts';
import type { KubernetesObject, ObjectKey } from '../kubernetes/resource.ts';
import type { WorkQueueMetrics } from '../kubernetes/work-queue.ts';
import type { SecretIndex, SenderIndex, TemplateIndex } from './indexes.ts';
import type { LookUps } from './sender/look-ups.ts';
import type { Tenants } from './tenants.ts';

/** The server's objects of a kind, as they are known here. */
export interface Mirror<T, I extends string = never> {
  get(key: ObjectKey): T | null;
  objects(): readonly T[];
  /** Those that an index has under a value. */
  by(index: I, value: string): readonly T[];
}

export interface Context {
  readonly client: KubernetesClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly senders: Mirror<SenderResource, SenderIndex>;
  readonly templates: Mirror<TemplateResource, TemplateIndex>;
  /** Without what is in them. */
  readonly secrets: Mirror<KubernetesObject, SecretIndex>;
  readonly tenants: Tenants;
  readonly writer: CatalogWriter;
  readonly messages: Pick<MessageStore, 'list'>;
  readonly lookUps: LookUps;
  readonly events: EventRecorder;
  /** Name of the cluster in the catalog's sources. */
  readonly cluster: string;
  /** Of this leader. */
  readonly term: number;
  readonly metrics: Pick<OperatorMetrics, 'published'>;
}

/** What an operator tells of its work. */
export interface OperatorMetrics {
  readonly senders: WorkQueueMetrics;
  readonly templates: WorkQueueMetrics;
  /** How many objects of a kind have their condition Ready so. */
  ready(kind: string, status: 'True' | 'False' | 'Unknown', count: number): void;
  /** What came of writing an object to the catalog. */
  published(kind: string, result: WriteResult['kind'] | 'failed'): void;
  /** The API server said something about the kind, now. */
  contact(kind: string): void;
}

export const sourceOf = ({ cluster, term }: Context, { metadata }: KubernetesObject): CatalogSource => ({
  kind: 'operator',
  name: cluster,
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  fence: { term, generation: metadata.generation ?? 0 },
});

export const keyOf = ({ metadata: { name, namespace } }: KubernetesObject): ObjectKey => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

/** The oldest of those who claim the same; of two of the same second the one with the lower uid, so that all agree. */
export function isOlder(a: KubernetesObject, b: KubernetesObject): boolean {
  const [x, y] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return x < y || (x === y && (a.metadata.uid ?? '') < (b.metadata.uid ?? ''));
}
