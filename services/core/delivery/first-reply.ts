// Whether an outcome carries the first SMTP reply about a delivery. The metric of the time to the
// first reply counts only those.

import type { DeliveryView } from './delivery.ts';
import type { Event } from './event.ts';

/**
 * True if no recorded outcome of this delivery has a server's reply. A reply that a relay gives to
 * every client is not about the delivery: such a reply pauses the route and adds no event.
 */
export function isUnanswered(
  { delivery, index }: Pick<DeliveryView, 'delivery' | 'index'>,
  events: readonly Event[],
): boolean {
  if (delivery.lastReply === null) return true;
  return !events.some((event) => event.delivery === index && typeof event.data.code === 'number');
}
