// Decides whether a reply is the first one that a delivery gets. The metric of the time to the first
// reply counts only such replies.

import type { DeliveryView } from './delivery.ts';
import type { Event } from './event.ts';

/**
 * True when no outcome with a reply of a server is recorded for this delivery. A relay that refuses
 * every client has not replied about a delivery: its route is paused, and the timeline has no event.
 */
export function isUnanswered(
  { delivery, index }: Pick<DeliveryView, 'delivery' | 'index'>,
  events: readonly Event[],
): boolean {
  if (delivery.lastReply === null) return true;
  return !events.some((event) => event.delivery === index && typeof event.data.code === 'number');
}
