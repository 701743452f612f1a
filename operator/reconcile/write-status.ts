// The end of each visit: at most one patch of the status, and an Event for each condition that is another than before. Of what is as it should be from the
// start only Ready is told: of thousands of such objects there is one Event each.

import type { SenderStatus, TemplateStatus } from '../api/v1alpha1/status.ts';
import type { KubernetesObject, Resource } from '../kubernetes/resource.ts';
import { type Judged, mergeConditions } from './conditions.ts';
import { type Context, keyOf } from './context.ts';

type Status = SenderStatus | TemplateStatus;

/** True, and yet not simply as it should be. */
const REMARKABLE: ReadonlySet<string> = new Set(['Ready', 'Paused', 'CompiledWithWarnings']);

export const REQUESTED_AT = 'packetboat.dev/requested-at';

/** What a visit found out, but for what is the same for all kinds. */
export type Found = Omit<Status, 'conditions' | 'observedGeneration' | 'lastHandledRequest' | 'figures'>;

export async function writeStatus<T extends KubernetesObject & { readonly status?: Status }>(
  context: Context,
  resource: Resource<T>,
  object: T,
  judged: readonly Judged[],
  found: Found,
): Promise<void> {
  const { metadata, status } = object;
  const { figures: _, ...before }: SenderStatus = { ...status };
  const generation = metadata.generation ?? 0;
  const { conditions, changed } = mergeConditions(before.conditions ?? [], judged, { generation, now: context.clock.now() });
  const request = metadata.annotations?.[REQUESTED_AT];
  const next = {
    ...found,
    observedGeneration: generation,
    conditions,
    ...(request === undefined ? {} : { lastHandledRequest: request }),
  };
  if (!isSame(before, next)) {
    await context.client.applyStatus(resource, { ...keyOf(object), ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) }, next);
  }
  const judgedBefore = new Set((before.conditions ?? []).flatMap(({ type, reason }) => (reason === 'Pending' ? [] : [type])));
  for (const { type, status: holds, reason, message } of changed) {
    if (reason === 'Pending' || (holds === 'True' && !REMARKABLE.has(reason) && !judgedBefore.has(type))) continue;
    context.events.record(resource, object, { type: holds === 'False' ? 'Warning' : 'Normal', reason, action: 'Reconcile', note: message });
  }
}

/** Whatever the order of their fields. */
export function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [x, y] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  return x.length === y.size && x.every(([key, value]) => y.has(key) && isSame(value, y.get(key)));
}
