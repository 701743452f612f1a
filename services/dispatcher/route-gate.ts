// The gate of the routes: admits a candidate when its route has room among all deliveries in
// flight. It is asked before the gate of the budgets, so that mail that cannot go takes no token.

import type { Route } from '../core/catalog/catalog.ts';
import { routeDigest } from '../core/delivery/pacing/route-digest.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { Clock } from '../ports/clock.ts';
import type { StoreClock } from '../ports/store-clock.ts';
import type { TakenEntry } from '../ports/work-queue.ts';
import { type Admitted, type Candidate, type Gate, type HeldBack, hasWaited } from './candidate.ts';
import type { InFlight } from './in-flight.ts';
import { RouteSlots } from './route-slots.ts';

interface RouteGateParts {
  readonly clock: Clock;
  readonly messages: StoreClock;
  readonly relay: Route | null;
}

export class RouteGate implements Gate {
  readonly #d: RouteGateParts;
  readonly #inFlight: InFlight;
  readonly #slots: RouteSlots;
  /** The route whose slot an entry occupies, until it is settled. */
  readonly #routeOf = new Map<TakenEntry, Route>();
  #isWatching = false;

  constructor(d: RouteGateParts, inFlight: InFlight) {
    this.#d = d;
    this.#inFlight = inFlight;
    this.#slots = new RouteSlots(d);
  }

  /**
   * Resolves with the number of entries that may be taken now, once there is room for at least one.
   */
  async room(signal: AbortSignal): Promise<number> {
    for (;;) {
      const room = this.#slots.room(this.#inFlight.count);
      if (room > 0) return room;
      this.#watchSlowRoutes(signal);
      await this.#inFlight.change();
    }
  }

  async admit(candidates: readonly Candidate[]): Promise<Admitted> {
    const going: Candidate[] = [];
    const held: HeldBack[] = [];
    for (const own of Map.groupBy(candidates, (c) => routeDigest(c.route)).values()) {
      const { in: entered = [], out = [] } = Object.groupBy(own, (c) => (this.#enter(c) ? 'in' : 'out'));
      going.push(...entered);
      const [first] = out;
      if (first === undefined) continue;
      const waited = out.filter(hasWaited).map((c) => c.message.id);
      const dues = this.#slots.dues(first.route, waited, out.length - waited.length);
      for (const [i, candidate] of out.entries())
        held.push({ candidate, reason: 'route', due: dues[i] ?? this.#d.messages.now() });
    }
    if (!this.#isWatching) this.#inFlight.wake(); // `room` has more routes to watch now
    return { going, held };
  }

  /** An attempt over this route ended, `ms` after it began. */
  attempted(route: Route, ms: number): void {
    this.#slots.attempted(route, ms);
  }

  /** The entry no longer occupies a slot. */
  leave(entry: TakenEntry): void {
    const route = this.#routeOf.get(entry);
    if (route === undefined) return;
    this.#routeOf.delete(entry);
    this.#slots.leave(route);
  }

  #enter(candidate: Candidate): boolean {
    this.leave(candidate.taken); // the entry is planned again
    const free = dispatchLimits.deliveriesInFlightMax - this.#inFlight.count;
    const isIn = this.#slots.enter(candidate.route, free, hasWaited(candidate));
    if (isIn) this.#routeOf.set(candidate.taken, candidate.route);
    return isIn;
  }

  /**
   * Wakes `room` when a route may have become slow. There is one timer at a time: a timer for each
   * change of the number in flight took a tenth of all work.
   */
  #watchSlowRoutes(signal: AbortSignal): void {
    const waitMs = this.#isWatching ? null : this.#slots.nextSlowMs;
    if (waitMs === null) return;
    this.#isWatching = true;
    void this.#d.clock.sleep(waitMs, signal).then(() => {
      this.#isWatching = false;
      this.#inFlight.wake();
    });
  }
}
