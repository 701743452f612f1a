// The status to write at the end of a visit, and the Events of what changed in it.

import { REQUESTED_AT_ANNOTATION } from '../api/v1alpha1/names.ts';
import type { SenderStatus, TemplateStatus } from '../api/v1alpha1/status.ts';
import type { EventNote } from '../kubernetes/event-recorder.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import { type NewCondition, stampConditions } from './conditions.ts';

type Stamped = 'conditions' | 'observedGeneration' | 'lastHandledRequest' | 'figures';

/** The fields of a status that depend on the kind. */
export type StatusFields = Omit<SenderStatus, Stamped> | Omit<TemplateStatus, Stamped>;

export interface ObjectWithStatus extends KubernetesObject {
  readonly status?: SenderStatus | TemplateStatus;
}

export interface StatusChange {
  /** The whole status to apply; null: the object has this status already. */
  readonly status: object | null;
  readonly events: readonly EventNote[];
}

/**
 * Reasons of a true condition that get an Event even on the first visit. With all reasons,
 * thousands of good objects would cause several Events each.
 */
const REMARKABLE: ReadonlySet<string> = new Set(['Ready', 'Paused', 'CompiledWithWarnings']);

/** The status after a visit that decided every condition. */
export function decideStatus(
  { metadata, status }: ObjectWithStatus,
  conditions: readonly NewCondition[],
  fields: StatusFields,
  now: number,
): StatusChange {
  const before = withoutFigures(status);
  const generation = metadata.generation ?? 0;
  const stamped = stampConditions(before.conditions ?? [], conditions, { generation, now });
  const request = metadata.annotations?.[REQUESTED_AT_ANNOTATION];
  const next = {
    ...fields,
    observedGeneration: generation,
    conditions: [...stamped.conditions],
    ...(request === undefined ? {} : { lastHandledRequest: request }),
  };
  return changeOf(before, next, stamped.changed);
}

/**
 * The status of an object that was not reconciled: these conditions are new, and everything else
 * stays as an earlier visit wrote it, with its generation. Conditions of the types in `dropped` are
 * removed. No visit is planned.
 */
export function amendStatus(
  { metadata: { generation = 0 }, status }: ObjectWithStatus,
  conditions: readonly NewCondition[],
  { now, dropped = [] }: { readonly now: number; readonly dropped?: readonly NewCondition['type'][] },
): StatusChange {
  const before = withoutFigures(status);
  const { nextVisitTime: _, ...rest } = before;
  const stamped = stampConditions(before.conditions ?? [], conditions, { generation, now });
  const replaced = new Set<string>([...dropped, ...conditions.map(({ type }) => type)]);
  const kept = (before.conditions ?? []).filter(({ type }) => !replaced.has(type));
  return changeOf(before, { ...rest, conditions: [...kept, ...stamped.conditions] }, stamped.changed);
}

/** Another field manager owns the figures. */
function withoutFigures(status: ObjectWithStatus['status']): Omit<SenderStatus, 'figures'> {
  const { figures: _, ...before }: SenderStatus = { ...status };
  return before;
}

const changeOf = (
  before: SenderStatus,
  next: SenderStatus,
  changed: readonly NewCondition[],
): StatusChange => ({ status: isSame(before, next) ? null : next, events: eventsOf(changed, before) });

/**
 * Stalled gets no Event, and Ready only if its reason is not that of another condition: both repeat
 * what that condition says.
 */
function eventsOf(changed: readonly NewCondition[], before: SenderStatus): readonly EventNote[] {
  const decidedBefore = new Set(
    (before.conditions ?? []).flatMap(({ type, reason }) => (reason === 'Pending' ? [] : [type])),
  );
  const causes = changed.filter(({ type }) => type !== 'Stalled' && type !== 'Ready');
  const reasons = new Set(causes.map(({ reason }) => reason));
  const summary = changed.filter(({ type, reason }) => type === 'Ready' && !reasons.has(reason));
  return [...causes, ...summary]
    .filter(({ reason }) => reason !== 'Pending')
    .filter(
      ({ type, status, reason }) => status !== 'True' || REMARKABLE.has(reason) || decidedBefore.has(type),
    )
    .map(({ status, reason, message }) => ({
      type: status === 'False' ? 'Warning' : 'Normal',
      reason,
      action: 'Reconcile',
      note: message,
    }));
}

/** True if the values are equal, whatever the order of their fields. */
export function isSame(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [x, y] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))];
  return x.length === y.size && x.every(([key, value]) => y.has(key) && isSame(value, y.get(key)));
}
