// How many of the deliveries in flight each route may have, so that a slow route does not delay the
// mail of all others (P10, P16).
//
// A route may have as many deliveries in flight as there are free places: one route alone gets half
// of all places, two routes get a third each, and some are always left for the next route. The
// route of an entry is known only after the entry is taken. So while a fast route has its share,
// the dispatcher takes nothing for a moment; the mail of that route is done in less than a second.
// Beyond the share of a slow route, entries are taken all the same, to reach the entries behind
// them; those of the slow route are held in the store. A route has far fewer connections
// (`smtpOutLimits.connectionsPerRouteMax`) than places: more places would not speed it up.

import type { Route } from '../core/catalog/catalog.ts';
import { routeDigest } from '../core/delivery/pacing/route-digest.ts';
import type { MessageId } from '../core/ids.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { StoreClock } from '../ports/store-clock.ts';
import type { Dispatcher } from './dispatcher-parts.ts';
import { WaitingLine } from './waiting-line.ts';

interface Slots {
  inFlight: number;
  /** Monotonic time at which the last attempt ended, or the first of those in flight started. */
  progressAt: number;
  /**
   * Moving average of how long an attempt takes, including the wait for a connection; null before
   * the first.
   */
  meanMs: number | null;
  readonly line: WaitingLine;
}

/** Weight of the latest attempt in the moving average. */
const LATEST = 1 / 8;

type RouteSlotsParts = Pick<Dispatcher, 'clock' | 'relay'> & {
  readonly messages: StoreClock;
};

export class RouteSlots {
  readonly #d: RouteSlotsParts;
  readonly #slots = new Map<string, Slots>();

  constructor(d: RouteSlotsParts) {
    this.#d = d;
  }

  /**
   * How many entries may be taken while `open` are in flight or being planned. All of them may turn
   * out to belong to the fast route that has most.
   */
  room(open: number): number {
    let inFlight = 0;
    let most = 0;
    for (const slots of this.#slots.values()) {
      inFlight += slots.inFlight;
      if (slots.inFlight > most && !this.#isSlow(slots)) most = slots.inFlight;
    }
    const planning = open - inFlight;
    return Math.ceil((dispatchLimits.deliveriesInFlightMax - open - most - planning) / 2);
  }

  /**
   * Milliseconds until a route without progress counts as slow, which makes room; null when no
   * route will.
   */
  get nextSlowMs(): number | null {
    const now = this.#d.clock.monotonic();
    const soon = [...this.#slots.values()].flatMap((slots) =>
      slots.inFlight === 0 || this.#isSlow(slots)
        ? []
        : [slots.progressAt + dispatchLimits.routeSlowMs - now],
    );
    return soon.length === 0 || this.#d.relay !== null ? null : Math.max(1, Math.min(...soon));
  }

  /**
   * True: one more delivery of this route is in flight, until `leave`. `free`: places that no route
   * has. Mail that was held before may use the whole share of its route, and other mail half of it.
   * So held mail always finds a place, and the connections are busy all the same.
   */
  enter(route: Route, free: number, hasWaited: boolean): boolean {
    const slots = this.#slotsOf(route);
    if (this.#isSlow(slots) && slots.inFlight * (hasWaited ? 1 : 2) >= free) return false;
    if (slots.inFlight === 0) slots.progressAt = this.#d.clock.monotonic();
    slots.inFlight += 1;
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
    slots.inFlight -= 1;
    // forgotten, because the catalog adds and removes routes
    const now = this.#d.messages.now();
    if (slots.inFlight === 0 && !slots.line.exists(now)) this.#slots.delete(routeDigest(route));
  }

  /**
   * The dues of deliveries that found no place, in their order, at the pace of the route: first of
   * `waited`, which were held before, then of `fresh` others.
   */
  dues(route: Route, waited: readonly MessageId[], fresh: number): number[] {
    const { line, inFlight, ...slots } = this.#slotsOf(route);
    const now = this.#d.messages.now();
    const attemptMs = Math.max(slots.meanMs ?? 0, this.#d.clock.monotonic() - slots.progressAt);
    const intervalMs = attemptMs / Math.max(1, inFlight);
    // the deliveries in flight keep the connections busy for one attempt's time, so the next ones
    // are due after half of it
    const earliest =
      now + Math.min(dispatchLimits.routeHoldMaxMs, Math.max(dispatchLimits.routeHoldMinMs, attemptMs / 2));
    const latest = now + dispatchLimits.routeHoldMaxMs;
    return [
      ...line.atFront(waited, earliest, intervalMs, latest),
      ...line.atEnd(fresh, earliest, intervalMs, latest),
    ];
  }

  /**
   * Never with a relay for all mail: there is no other route to make room for, and the dispatcher
   * only takes no more.
   */
  #isSlow({ inFlight, progressAt, meanMs }: Slots): boolean {
    if (this.#d.relay !== null || inFlight === 0) return false;
    return (
      (meanMs ?? 0) >= dispatchLimits.routeSlowMs ||
      this.#d.clock.monotonic() - progressAt >= dispatchLimits.routeSlowMs
    );
  }

  #slotsOf(route: Route): Slots {
    const digest = routeDigest(route);
    const known = this.#slots.get(digest);
    if (known !== undefined) return known;
    const slots = {
      inFlight: 0,
      progressAt: this.#d.clock.monotonic(),
      meanMs: null,
      line: new WaitingLine(),
    };
    this.#slots.set(digest, slots);
    return slots;
  }
}
