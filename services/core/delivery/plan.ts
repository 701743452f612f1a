// What a dispatcher does with one entry of the queue: send, hold, end the delivery, or drop the
// entry. The dispatcher takes budget tokens afterwards, for the deliveries that may go.

import type { Route, Sender } from '../catalog/catalog.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { type Change, type DeliveryView, endIfTooOld, hold } from './delivery.ts';
import { pausedRoutesText } from './route-pause.ts';

type Plan =
  /**
   * The entry is outdated or a duplicate, or its delivery waits in the store. Another entry or the
   * sweeper will bring the delivery back.
   */
  | { readonly kind: 'drop' }
  | { readonly kind: 'end' | 'hold'; readonly change: Change }
  | { readonly kind: 'go'; readonly route: Route };

interface PlanContext {
  readonly attempt: number;
  readonly now: number;
  /** Null: the catalog has no sender of that name, or no longer has one. */
  readonly sender: Sender | null;
  /** The routes that the message may take, in order of preference. */
  readonly routes: readonly Route[];
  /**
   * The end of a route's pause, in milliseconds since 1970 by the store's clock. A time that is not
   * after `now` means that the route is open.
   */
  readonly pausedUntil: (route: Route) => number;
  /** Why it is paused; null when it is not. */
  readonly pauseMessage: (route: Route) => string | null;
}

/**
 * Milliseconds until the delivery of an early entry is due; 0 if the entry is not early, is not for
 * this attempt, or is earlier than a difference between the clocks of two programs explains
 * (`deliveryLimits.clockSkewMs`). The dispatcher waits that long instead of dropping the entry,
 * because a dropped entry comes back only when a sweeper publishes it again, a minute later.
 */
export function earlyBy(s: DeliveryView, context: Pick<PlanContext, 'attempt' | 'now'>): number {
  const early = s.delivery.due - context.now;
  const isItsTurn = s.delivery.state === 'queued' && s.delivery.attempt === context.attempt;
  return isItsTurn && early > 0 && early <= deliveryLimits.clockSkewMs ? early : 0;
}

export function plan(s: DeliveryView, context: PlanContext): Plan {
  const { now, sender } = context;
  const d = s.delivery;
  if (d.state !== 'queued' || d.attempt !== context.attempt || d.due > now) return { kind: 'drop' };
  const old = endIfTooOld(s, now, sender?.retry.maxAgeMs ?? deliveryLimits.maxAgeMs);
  if (old !== null) return { kind: 'end', change: old };
  if (sender === null) return held(hold(s, 'route', now + deliveryLimits.heldRecheckMs));
  if (sender.suspended) return held(hold(s, 'suspended', now + deliveryLimits.heldRecheckMs));
  if (!sender.verified) return held(hold(s, 'unverified', now + deliveryLimits.heldRecheckMs));
  const open = context.routes.find((route) => context.pausedUntil(route) <= now);
  if (open !== undefined) return { kind: 'go', route: open };
  const earliest = Math.min(...context.routes.map(context.pausedUntil));
  const due = Number.isFinite(earliest) ? earliest : now + deliveryLimits.heldRecheckMs;
  const messages = context.routes.map((route) => [route.name, context.pauseMessage(route) ?? ''] as const);
  return held(hold(s, 'route', due, messages.length === 0 ? null : pausedRoutesText(messages)));
}

const held = (change: Change | null): Plan => (change === null ? { kind: 'drop' } : { kind: 'hold', change });
