// What to do with one entry of the queue: go, wait, end, or nothing. Budgets are asked afterwards,
// for those that could go.

import type { Route, Sender } from '../catalog/catalog.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import { type Change, type DeliveryView, endIfTooOld, hold } from './delivery.ts';
import { pausedRoutesText } from './route-pause.ts';

export type Plan =
  /**
   * Outdated, repeated, or about mail that waits: another entry or the sweeper takes care of it.
   */
  | { readonly kind: 'drop' }
  | { readonly kind: 'end' | 'hold'; readonly change: Change }
  | { readonly kind: 'go'; readonly route: Route };

export interface PlanContext {
  readonly attempt: number;
  readonly now: number;
  /** Null: the message's sender is not in the catalog (any more). */
  readonly sender: Sender | null;
  /** The ways out, in order of preference. */
  readonly routes: readonly Route[];
  /** Until when a route is paused by a fault of ours; at or before `now`: it is not. */
  readonly pausedUntil: (route: Route) => number;
  /** Why it is paused; null when it is not. */
  readonly pauseMessage: (route: Route) => string | null;
}

/**
 * Milliseconds until the delivery of an entry is due, when the clocks of its publisher and of this
 * program may differ by as much; otherwise 0. The dispatcher waits for so little, because an entry
 * that it drops comes back only when a sweeper finds the delivery unclaimed, a minute later.
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
