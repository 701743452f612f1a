// Routes that a fault of ours has paused, in this process: a dead resolver, a relay that refuses
// everybody, broken TLS. Their mail goes by the next route, or waits as `hold`. Another dispatcher
// finds out for itself; it may see another network.

import type { Route } from '../core/catalog/catalog.ts';
import { routeDigest } from '../core/delivery/pacing/route-digest.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';

export class PausedRoutes {
  /**
   * By all that makes a route: a wrong password of one tenant must not hold up another's mail to
   * the same relay.
   */
  readonly #until = new Map<string, number>();

  /** By the store's clock, like the dues that are made from it. */
  until(route: Route): number {
    return this.#until.get(routeDigest(route)) ?? Number.NEGATIVE_INFINITY;
  }

  pause(route: Route, now: number): number {
    const until = now + dispatchLimits.routePausedMs;
    for (const [digest, over] of this.#until) if (over <= now) this.#until.delete(digest);
    this.#until.set(routeDigest(route), until);
    return until;
  }

  resume(route: Route): void {
    this.#until.delete(routeDigest(route));
  }
}
