// Paused objects: the operator does not change them, and their status keeps its conditions.

import { PAUSED_ANNOTATION } from '../api/v1alpha1/names.ts';
import type { SenderStatus } from '../api/v1alpha1/status.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { ConditionType } from './conditions.ts';
import { decideStatus, type ObjectWithStatus, type StatusChange } from './decide-status.ts';

/** A deletion is never paused. */
export const isPaused = ({ metadata }: KubernetesObject): boolean =>
  metadata.annotations?.[PAUSED_ANNOTATION] === 'true' && metadata.deletionTimestamp === undefined;

/** The status of a paused object. */
export function decidePausedStatus(object: ObjectWithStatus, now: number): StatusChange {
  const {
    conditions = [],
    observedGeneration: _,
    lastHandledRequest: __,
    figures: ___,
    ...fields
  }: SenderStatus = { ...object.status };
  const kept = conditions
    .filter(({ type }) => type !== 'ReconciliationPaused')
    .map(({ type, status, reason, message }) => ({ type: type as ConditionType, status, reason, message }));
  const message = `the annotation ${PAUSED_ANNOTATION} is set`;
  return decideStatus(
    object,
    [...kept, { type: 'ReconciliationPaused', status: 'True', reason: 'Paused', message }],
    fields,
    now,
  );
}
