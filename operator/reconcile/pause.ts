// Paused objects: the operator does not reconcile them. Their status keeps the conditions and
// generations of the last visit, because nothing that was decided since then is known.

import { PAUSED_ANNOTATION } from '../api/v1alpha1/names.ts';
import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { NewCondition } from './conditions.ts';
import { amendStatus, type ObjectWithStatus, type StatusChange } from './decide-status.ts';

export const isPaused = ({ metadata }: KubernetesObject): boolean =>
  metadata.annotations?.[PAUSED_ANNOTATION] === 'true';

/**
 * The status of a paused object. Ready is Unknown while the object has a generation that no visit
 * has observed, and also if the object was created paused.
 */
export function decidePausedStatus(object: ObjectWithStatus, now: number): StatusChange {
  const { generation = 0 } = object.metadata;
  const cause = `the annotation ${PAUSED_ANNOTATION} is set`;
  const paused: NewCondition = {
    type: 'ReconciliationPaused',
    status: 'True',
    reason: 'Paused',
    message: cause,
  };
  const unknown: NewCondition = {
    type: 'Ready',
    status: 'Unknown',
    reason: 'Paused',
    message: `generation ${generation} has not been reconciled: ${cause}`,
  };
  const isObserved = object.status?.observedGeneration === generation;
  return amendStatus(object, isObserved ? [paused] : [unknown, paused], { now });
}
