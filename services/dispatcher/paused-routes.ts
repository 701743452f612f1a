// Routes that this process has paused for a fault on our side: a dead resolver, a relay that
// rejects every login, broken TLS. Mail takes the sender's next route, or is held. Each dispatcher
// pauses routes by itself, because its network may differ from that of the others.

import type { Route } from '../core/catalog/catalog.ts';
import { routeDigest } from '../core/delivery/pacing/route-digest.ts';
import type { RoutePause } from '../core/delivery/route-pause.ts';
import { dispatchLimits } from '../core/limits/dispatch.ts';

interface Pause extends RoutePause {
  /** By the store's clock, like the dues of the deliveries that wait. */
  readonly until: number;
  /** The access token that the server refused; undefined when the fault is another. */
  readonly refusedToken: string | undefined;
}

export class PausedRoutes {
  /**
   * By route digest, which includes the credentials: a wrong password of one tenant must not hold
   * the mail of another to the same relay.
   */
  readonly #pauses = new Map<string, Pause>();

  /** In milliseconds since 1970 by the store's clock, which judges the dues derived from it. */
  until(route: Route): number {
    return this.#pauseOf(route)?.until ?? Number.NEGATIVE_INFINITY;
  }

  /** Why the route is paused; null when it is not. */
  message(route: Route): string | null {
    return this.#pauseOf(route)?.message ?? null;
  }

  /** Returns the time when the pause ends. */
  pause(route: Route, now: number, { reason, message }: RoutePause): number {
    const until = now + dispatchLimits.routePausedMs;
    for (const [digest, pause] of this.#pauses) if (pause.until <= now) this.#pauses.delete(digest);
    const refusedToken = reason === 'auth' ? route.credentials?.accessToken : undefined;
    this.#pauses.set(routeDigest(route), { until, reason, message, refusedToken });
    return until;
  }

  resume(route: Route): void {
    this.#pauses.delete(routeDigest(route));
  }

  /**
   * The digest has no access token, so a changed token leaves the pause in place. When the server
   * has refused the old token, the route with the new token is not paused.
   */
  #pauseOf(route: Route): Pause | null {
    const pause = this.#pauses.get(routeDigest(route));
    if (pause === undefined) return null;
    const { refusedToken } = pause;
    return refusedToken !== undefined && refusedToken !== route.credentials?.accessToken ? null : pause;
  }
}
