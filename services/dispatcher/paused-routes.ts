// Routes that a fault of ours has paused, in this process: a dead resolver, a relay that refuses everybody, broken TLS. Their mail goes by the next
// route, or waits as `hold`. Another dispatcher finds out for itself; it may see another network.

import type { Route } from '../core/catalog.ts';
import { limits } from '../core/limits.ts';

export class PausedRoutes {
  readonly #until = new Map<string, number>();

  /** By the store's clock, like the dues that are made from it. */
  until(route: Route): number {
    return this.#until.get(nameOf(route)) ?? Number.NEGATIVE_INFINITY;
  }

  pause(route: Route, now: number): number {
    const until = now + limits.routePausedMs;
    this.#until.set(nameOf(route), until);
    return until;
  }

  resume(route: Route): void {
    this.#until.delete(nameOf(route));
  }
}

const nameOf = (route: Route): string => `${route.name} ${route.host}:${route.port}`;
