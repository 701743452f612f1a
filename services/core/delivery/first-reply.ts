// Whether a reply is the first that a delivery gets: what the time to the first reply is measured
// by.

import type { DeliveryView } from './delivery.ts';
import type { Event } from './event.ts';

/**
 * True when no outcome with a server's reply was recorded for this delivery. What a relay says to
 * everybody is no reply about a delivery: the route is paused then, and the timeline has no event.
 */
export function isUnanswered(
  { delivery, index }: Pick<DeliveryView, 'delivery' | 'index'>,
  events: readonly Event[],
): boolean {
  if (delivery.lastReply === null) return true;
  return !events.some((event) => event.delivery === index && typeof event.data.code === 'number');
}
