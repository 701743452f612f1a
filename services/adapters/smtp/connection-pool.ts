// The open connections: limits how many each route has, queues those that wait for one, and reuses
// idle ones.

import type { Route } from '../../core/catalog/catalog.ts';
import { routeDigest } from '../../core/delivery/pacing/route-digest.ts';
import type { Connection } from './connection.ts';
import type { SmtpLimits } from './settings.ts';

/** The right to use one connection to a route. It ends exactly once. */
export interface Turn {
  /** A kept connection, which its server may have closed in the meantime; null: open a new one. */
  readonly kept: Connection | null;
  /** Ends the turn. A connection that is still alive is kept for the next turn. */
  end(connection: Connection | null): void;
}

interface Lane {
  inUse: number;
  readonly idle: Connection[];
  readonly waiting: (() => void)[];
}

export class ConnectionPool {
  readonly #limits: SmtpLimits;
  readonly #lanes = new Map<string, Lane>();
  /** ConnectionPool that are saying QUIT. */
  readonly #leaving = new Set<Promise<void>>();
  #isClosed = false;

  constructor(limits: SmtpLimits) {
    this.#limits = limits;
  }

  /** Waits for a free turn, first come first served. Rejects only with the signal's reason. */
  async take(route: Route, signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const lane = this.#laneOf(routeDigest(route));
    if (lane.inUse >= this.#limits.connectionsPerRouteMax) await turnIn(lane, signal);
    else lane.inUse++;
    let isEnded = false;
    return {
      kept: takeIdle(lane),
      end: (connection) => {
        if (isEnded) return;
        isEnded = true;
        this.#keep(lane, connection);
        const next = lane.waiting.shift();
        if (next !== undefined) next();
        else lane.inUse--;
        this.#forgetEmpty();
      },
    };
  }

  /** Closes a connection with QUIT. */
  retire(connection: Connection): void {
    const leaving = connection.quit().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** Closes idle connections now, and each of the others when its turn ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const lane of this.#lanes.values()) {
      for (const connection of lane.idle.splice(0)) this.retire(connection);
    }
    await Promise.all(this.#leaving);
  }

  #laneOf(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = { inUse: 0, idle: [], waiting: [] };
    this.#lanes.set(key, lane);
    return lane;
  }

  #keep(lane: Lane, connection: Connection | null): void {
    if (connection === null || !connection.isAlive) return;
    if (this.#isClosed) {
      this.retire(connection);
      return;
    }
    lane.idle.push(connection);
    connection.rest(this.#limits.connectionIdleMs, () => {
      const i = lane.idle.indexOf(connection);
      if (i >= 0) lane.idle.splice(i, 1);
      this.retire(connection);
      this.#forgetEmpty();
    });
  }

  /** Routes come and go with the catalog. */
  #forgetEmpty(): void {
    for (const [key, lane] of this.#lanes)
      if (lane.inUse === 0 && lane.idle.length === 0) this.#lanes.delete(key);
  }
}

/** The connection that was used last, so that the others reach their idle limit and close. */
function takeIdle(lane: Lane): Connection | null {
  for (let connection = lane.idle.pop(); connection !== undefined; connection = lane.idle.pop()) {
    connection.wake();
    if (connection.isAlive) return connection;
  }
  return null;
}

/** Resolves when the lane passes a turn to this caller. */
function turnIn(lane: Lane, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const wake = (): void => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const leave = (): void => {
      lane.waiting.splice(lane.waiting.indexOf(wake), 1);
      reject(signal.reason);
    };
    lane.waiting.push(wake);
    signal.addEventListener('abort', leave, { once: true });
  });
}
