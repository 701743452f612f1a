// Which object is meant, and which of several was there first.

import type { KubernetesObject, ObjectKey } from '../kubernetes/resource.ts';

export const keyOf = ({ metadata: { name, namespace } }: KubernetesObject): ObjectKey => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

/**
 * Of several objects that claim one name, the oldest has it. Of two of the same second it is the
 * one with the lower uid, whichever operator decides.
 */
export function hasPrecedence(rival: KubernetesObject, object: KubernetesObject): boolean {
  const [first, second] = [rival.metadata.creationTimestamp ?? '', object.metadata.creationTimestamp ?? ''];
  return first < second || (first === second && (rival.metadata.uid ?? '') < (object.metadata.uid ?? ''));
}
