// Identifies objects and decides which of several claimants of one name is the oldest.

import type { KubernetesObject, ObjectKey } from '../kubernetes/resource.ts';

export const keyOf = ({ metadata: { name, namespace } }: KubernetesObject): ObjectKey => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

/**
 * Of several objects that claim one name, the oldest gets it; of two from the same second, the
 * object with the lower uid, so that every operator decides alike.
 */
export function hasPrecedence(rival: KubernetesObject, object: KubernetesObject): boolean {
  const [first, second] = [rival.metadata.creationTimestamp ?? '', object.metadata.creationTimestamp ?? ''];
  return first < second || (first === second && (rival.metadata.uid ?? '') < (object.metadata.uid ?? ''));
}
