// Routes that this process has paused because of a fault of ours: a dead resolver, a relay that
// refuses every client, broken TLS, a refused login. Their mail takes the next route, or waits with
// the hold `route`. Each dispatcher pauses routes for itself, because another may have another
// network.

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
   * By digest, so a wrong password of one tenant does not stop the mail of another tenant to the
   * same relay. Expired pauses go with the next pause.
   */
  readonly #pauses = new Map<string, Pause>();

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
