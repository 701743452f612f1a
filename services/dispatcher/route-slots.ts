// How much of what is in hand each route may have, so that a slow one does not keep the mail of all
// others waiting (P10, P16).
//
// A route may have as many deliveries in hand as are free besides: one alone gets half, two a third
// each, and something is always left for the next. A route is not known before its entry is taken,
// so while a fast route has its part, nothing is taken for a moment: its mail is through in less
// than a second. Only the surplus of a slow one is taken all the same, to see what stands behind
// it, and held in the store. Connections are far fewer than that
// (`smtpOutLimits.connectionsPerRouteMax`): more in hand would only wait for one of them.

import type { Route } from '../core/catalog/catalog.ts';
import { routeDigest } from '../core/delivery/pacing/route-digest.ts';
import type { MessageId } from '../core/ids.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { Dispatcher } from './dispatcher.ts';
import { WaitingLine } from './waiting-line.ts';

interface Slots {
  inHand: number;
  /** Monotonic: when its last attempt ended, or the first of those in hand began. */
  progressAt: number;
  /** How long an attempt takes lately, waiting for a connection included; null before the first. */
  meanMs: number | null;
  readonly line: WaitingLine;
}

/** Weight of the latest attempt in the mean. */
const LATEST = 1 / 8;

type RouteSlotsParts = Pick<Dispatcher, 'clock' | 'relay'> & {
  readonly messages: Pick<Dispatcher['messages'], 'now'>;
};

export class RouteSlots {
  readonly #d: RouteSlotsParts;
  readonly #slots = new Map<string, Slots>();

  constructor(d: RouteSlotsParts) {
    this.#d = d;
  }

  /**
   * How many entries may be taken when `open` are in hand or being planned: so many that all of
   * them may go to the fast route that has most.
   */
  room(open: number): number {
    let inHand = 0;
    let most = 0;
    for (const slots of this.#slots.values()) {
      inHand += slots.inHand;
      if (slots.inHand > most && !this.#isSlow(slots)) most = slots.inHand;
    }
    const planning = open - inHand;
    return Math.ceil((dispatchLimits.deliveriesInFlightMax - open - most - planning) / 2);
  }

  /**
   * Milliseconds until a route that shows no progress counts as slow, which makes room; null: no
   * route will.
   */
  get nextSlowMs(): number | null {
    const now = this.#d.clock.monotonic();
    const soon = [...this.#slots.values()].flatMap((slots) =>
      slots.inHand === 0 || this.#isSlow(slots) ? [] : [slots.progressAt + dispatchLimits.routeSlowMs - now],
    );
    return soon.length === 0 || this.#d.relay !== null ? null : Math.max(1, Math.min(...soon));
  }

  /**
   * True: one more is in hand, until `leave`. `free`: what nobody has. Mail that was held before
   * may use all of its route's part and other mail half of it, so that the former always finds a
   * place, and connections are busy all the same.
   */
  enter(route: Route, free: number, hasWaited: boolean): boolean {
    const slots = this.#slotsOf(route);
    if (this.#isSlow(slots) && slots.inHand * (hasWaited ? 1 : 2) >= free) return false;
    if (slots.inHand === 0) slots.progressAt = this.#d.clock.monotonic();
    slots.inHand += 1;
    return true;
  }

  /** An attempt ended, `ms` after it began. */
  attempted(route: Route, ms: number): void {
    const slots = this.#slotsOf(route);
    slots.progressAt = this.#d.clock.monotonic();
    slots.meanMs = slots.meanMs === null ? ms : slots.meanMs + (ms - slots.meanMs) * LATEST;
  }

  leave(route: Route): void {
    const slots = this.#slotsOf(route);
    slots.inHand -= 1;
    // routes come and go with the catalog
    const now = this.#d.messages.now();
    if (slots.inHand === 0 && !slots.line.isThere(now)) this.#slots.delete(routeDigest(route));
  }

  /**
   * When those may come back that found no place, in their order, first `waited` that were held
   * before: at the pace of the route.
   */
  dues(route: Route, waited: readonly MessageId[], fresh: number): number[] {
    const { line, inHand, ...slots } = this.#slotsOf(route);
    const now = this.#d.messages.now();
    const attemptMs = Math.max(slots.meanMs ?? 0, this.#d.clock.monotonic() - slots.progressAt);
    const intervalMs = attemptMs / Math.max(1, inHand);
    // what is in hand lasts for an attempt's time, so connections find work when the next come back
    // in half of it
    const earliest =
      now + Math.min(dispatchLimits.routeHoldMaxMs, Math.max(dispatchLimits.routeHoldMinMs, attemptMs / 2));
    const latest = now + dispatchLimits.routeHoldMaxMs;
    return [
      ...line.atFront(waited, earliest, intervalMs, latest),
      ...line.atEnd(fresh, earliest, intervalMs, latest),
    ];
  }

  /**
   * With one way out for everybody there is nobody to let pass: then it is enough not to take more.
   */
  #isSlow({ inHand, progressAt, meanMs }: Slots): boolean {
    if (this.#d.relay !== null || inHand === 0) return false;
    return (
      (meanMs ?? 0) >= dispatchLimits.routeSlowMs ||
      this.#d.clock.monotonic() - progressAt >= dispatchLimits.routeSlowMs
    );
  }

  #slotsOf(route: Route): Slots {
    const digest = routeDigest(route);
    const known = this.#slots.get(digest);
    if (known !== undefined) return known;
    const slots = { inHand: 0, progressAt: this.#d.clock.monotonic(), meanMs: null, line: new WaitingLine() };
    this.#slots.set(digest, slots);
    return slots;
  }
}
