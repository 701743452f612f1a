// The status of a deleted Sender that still exists because of its finalizer.

import { amendStatus, type ObjectWithStatus, type StatusChange } from '../decide-status.ts';

/** Ready is False. The other conditions describe the Sender before its deletion. */
export function decideDeletedStatus(
  object: ObjectWithStatus,
  { isStoreDown, now }: { readonly isStoreDown: boolean; readonly now: number },
): StatusChange {
  const why = isStoreDown
    ? { reason: 'StoreUnavailable', message: 'the deletion waits until the store is reachable' }
    : { reason: 'Draining', message: 'deleted: no mail is accepted, and the accepted mail is delivered' };
  return amendStatus(object, [{ type: 'Ready', status: 'False', ...why }], { now, dropped: ['Stalled'] });
}
