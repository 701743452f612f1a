// The queue of one process, in memory. Its entries are lost when the process ends, as any queue may
// lose them: the sweeper publishes them again from the store.

import { type Lane, laneKey, laneOf } from '../../core/delivery/pacing/lane.ts';
import { LaneTurns } from '../../core/delivery/pacing/lane-turns.ts';
import { queueLimits } from '../../core/limits/queue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Entry, NewEntry, PublishResult, TakenEntry, WorkQueue } from '../../ports/work-queue.ts';

interface Item {
  readonly lane: Lane;
  readonly entry: Entry;
  handedOut: number;
}

export class MemoryWorkQueue implements WorkQueue {
  readonly #clock: Clock;
  readonly #turns = new LaneTurns<Item>();
  /**
   * Items that were taken and not acked, with the monotonic time at which each is delivered again.
   * All wait equally long, so they are in the order of these times.
   */
  readonly #held = new Map<Item, number>();
  /** How many entries each lane has, taken ones included. */
  readonly #windows = new Map<string, number>();
  #entries = 0;
  readonly #waiting = new Set<() => void>();
  #isOpen = true;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async publish(entries: readonly NewEntry[]): Promise<readonly PublishResult[]> {
    const results = entries.map((entry) => this.#add(entry));
    if (results.includes('published')) this.#wake();
    return results;
  }

  async take(max: number, signal: AbortSignal): Promise<readonly TakenEntry[]> {
    while (this.#isOpen && !signal.aborted) {
      this.#bringBack();
      const items = this.#pick(max);
      if (items.length > 0) return items.map((item) => this.#handOut(item));
      await this.#change(signal);
    }
    return [];
  }

  async check(): Promise<void> {
    if (!this.#isOpen) throw new Error('the queue is closed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOpen = false;
    this.#wake();
  }

  #add({ entry, ...fields }: NewEntry): PublishResult {
    if (!this.#isOpen) return 'lost';
    const lane = laneOf(fields);
    const window = laneKey(lane);
    const used = this.#windows.get(window) ?? 0;
    if (used >= queueLimits.windowPerLane || this.#entries >= queueLimits.memoryQueueEntriesMax)
      return 'full';
    this.#windows.set(window, used + 1);
    this.#entries += 1;
    this.#turns.push(lane, { lane, entry, handedOut: 0 });
    return 'published';
  }

  #remove(item: Item): void {
    const window = laneKey(item.lane);
    const used = this.#windows.get(window) ?? 0;
    if (used > 1) this.#windows.set(window, used - 1);
    else this.#windows.delete(window);
    this.#entries -= 1;
  }

  #pick(max: number): Item[] {
    const items: Item[] = [];
    while (items.length < max) {
      const item = this.#turns.shift();
      if (item === undefined) break;
      items.push(item);
    }
    return items;
  }

  #handOut(item: Item): TakenEntry {
    item.handedOut += 1;
    const until = this.#clock.monotonic() + queueLimits.ackWaitMs;
    this.#held.set(item, until);
    // an ack or a return of an earlier delivery of this item must not count for this one
    const isMine = (): boolean => this.#held.get(item) === until;
    return {
      ...item.lane,
      entry: item.entry,
      ack: () => {
        if (isMine() && this.#held.delete(item)) this.#remove(item);
      },
      giveBack: () => {
        if (!isMine() || !this.#held.delete(item)) return;
        this.#putBack(item);
        this.#wake();
      },
    };
  }

  #bringBack(): void {
    const now = this.#clock.monotonic();
    for (const [item, until] of this.#held) {
      if (until > now) break;
      this.#held.delete(item);
      this.#putBack(item);
    }
  }

  #putBack(item: Item): void {
    if (item.handedOut >= queueLimits.queueDeliverMax) this.#remove(item);
    else this.#turns.putBack(item.lane, item);
  }

  /**
   * Resolves when there may be something to take: an entry was published or is due again, the
   * signal aborted, or the queue closed.
   */
  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = new AbortController();
    this.#waiting.add(resolve);
    signal.addEventListener('abort', () => resolve(), { signal: over.signal });
    const [until] = this.#held.values();
    if (until !== undefined)
      void this.#clock.sleep(until - this.#clock.monotonic(), over.signal).then(resolve);
    await promise;
    this.#waiting.delete(resolve);
    over.abort();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
  }
}
