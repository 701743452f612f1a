// The key of an object, and the order of objects that claim the same name.

import type { KubernetesObject, ObjectKey } from '../kubernetes/resource.ts';

export const keyOf = ({ metadata: { name, namespace } }: KubernetesObject): ObjectKey => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

/**
 * If several objects claim one name, the oldest has it. Creation times have whole seconds, so equal
 * times are ordered by uid, and every operator decides alike.
 */
export function hasPrecedence(rival: KubernetesObject, object: KubernetesObject): boolean {
  const [first, second] = [rival.metadata.creationTimestamp ?? '', object.metadata.creationTimestamp ?? ''];
  return first < second || (first === second && (rival.metadata.uid ?? '') < (object.metadata.uid ?? ''));
}
