// Routes that this process has paused for a fault on our side: a dead resolver, a relay that
// rejects every login, broken TLS. Mail takes the sender's next route, or is held. Each dispatcher
// pauses routes by itself, because its network may differ from that of the others.

import type { Route } from '../core/catalog/catalog.ts';
import { routeDigest } from '../core/delivery/pacing/route-digest.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';

export class PausedRoutes {
  /**
   * By route digest, which includes the credentials: a wrong password of one tenant must not hold
   * the mail of another to the same relay.
   */
  readonly #until = new Map<string, number>();

  /** In milliseconds since 1970 by the store's clock, which judges the dues derived from it. */
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
