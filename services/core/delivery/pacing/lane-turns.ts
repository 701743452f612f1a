// Turns among lanes (P10): first by tier (`tier-turns.ts`), then the tenants of the tier take turns,
// then the senders of the tenant. So a one-time code waits behind no flood of another sender. The
// intake of the dispatcher (both queues) and the sweeper, which feeds the window, use these turns.

import { type Tier, tiers } from '../message.ts';
import type { Lane } from './lane.ts';
import { TierTurns } from './tier-turns.ts';

/** What waits for a turn: the items of one lane, or several lanes that take turns. */
interface Waiting<T> {
  readonly size: number;
  push(lane: Lane, item: T): void;
  putBack(lane: Lane, item: T): void;
  shift(): T | undefined;
}

/**
 * The items of one lane, first in, first out. Intended for at most a window of items, because
 * `shift` moves the rest.
 */
class Items<T> implements Waiting<T> {
  readonly #returned: T[] = [];
  readonly #fresh: T[] = [];

  get size(): number {
    return this.#returned.length + this.#fresh.length;
  }

  push(_: Lane, item: T): void {
    this.#fresh.push(item);
  }

  putBack(_: Lane, item: T): void {
    this.#returned.push(item);
  }

  shift(): T | undefined {
    return this.#returned.shift() ?? this.#fresh.shift();
  }
}

/** Round robin among those with items. */
class RoundRobin<T> implements Waiting<T> {
  readonly #nameOf: (lane: Lane) => string;
  readonly #open: () => Waiting<T>;
  /** In the order of their turns. None is empty. */
  readonly #waiting = new Map<string, Waiting<T>>();
  #size = 0;

  constructor(nameOf: (lane: Lane) => string, open: () => Waiting<T>) {
    this.#nameOf = nameOf;
    this.#open = open;
  }

  get size(): number {
    return this.#size;
  }

  push(lane: Lane, item: T): void {
    this.#of(lane).push(lane, item);
    this.#size += 1;
  }

  putBack(lane: Lane, item: T): void {
    this.#of(lane).putBack(lane, item);
    this.#size += 1;
  }

  shift(): T | undefined {
    for (const [name, waiting] of this.#waiting) {
      const item = waiting.shift();
      this.#size -= 1;
      // the only name keeps the turn, which spares moving it
      if (waiting.size > 0 && this.#waiting.size === 1) return item;
      this.#waiting.delete(name);
      if (waiting.size > 0) this.#waiting.set(name, waiting);
      return item;
    }
    return undefined;
  }

  #of(lane: Lane): Waiting<T> {
    const name = this.#nameOf(lane);
    const known = this.#waiting.get(name);
    if (known !== undefined) return known;
    const opened = this.#open();
    this.#waiting.set(name, opened);
    return opened;
  }
}

const byTenant = <T>(): Waiting<T> =>
  new RoundRobin(
    ({ tenant }) => tenant,
    () =>
      new RoundRobin<T>(
        ({ sender }) => sender,
        () => new Items(),
      ),
  );

export class LaneTurns<T> {
  readonly #turns = new TierTurns();
  readonly #waiting: Readonly<Record<Tier, Waiting<T>>> = {
    high: byTenant(),
    normal: byTenant(),
    bulk: byTenant(),
  };

  get size(): number {
    return tiers.reduce((sum, tier) => sum + this.#waiting[tier].size, 0);
  }

  sizeOf(tier: Tier): number {
    return this.#waiting[tier].size;
  }

  push(lane: Lane, item: T): void {
    this.#waiting[lane.tier].push(lane, item);
  }

  /** Returns an item that had its turn: it goes before all of its lane that had none. */
  putBack(lane: Lane, item: T): void {
    this.#waiting[lane.tier].putBack(lane, item);
  }

  /** The item that has the next turn; undefined when there is none. */
  shift(): T | undefined {
    const tier = this.#turns.next((t) => this.#waiting[t].size > 0);
    return tier === null ? undefined : this.#waiting[tier].shift();
  }
}
