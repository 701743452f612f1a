// The queue of one process, in memory. Its entries are lost when the process ends, as any queue may
// lose them: the sweeper publishes them again from the store.

import type { Tier } from '../../core/delivery/message.ts';
import { TenantTurns } from '../../core/delivery/pacing/tenant-turns.ts';
import { TierTurns } from '../../core/delivery/pacing/tier-turns.ts';
import { queueLimits } from '../../core/limits/queue.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Entry, NewEntry, PublishResult, TakenEntry, WorkQueue } from '../../ports/work-queue.ts';

interface Item {
  readonly tenant: string;
  readonly tier: Tier;
  readonly entry: Entry;
  handedOut: number;
}

/** The entries of one tier. Those that were taken before and not acked go before new ones. */
interface Lane {
  readonly back: TenantTurns<Item>;
  readonly fresh: TenantTurns<Item>;
}

export class MemoryWorkQueue implements WorkQueue {
  readonly #clock: Clock;
  readonly #tierTurns = new TierTurns();
  readonly #lanes: Readonly<Record<Tier, Lane>>;
  /**
   * Items that were taken and not acked, with the monotonic time at which each is delivered again.
   * All wait equally long, so they are in the order of these times.
   */
  readonly #held = new Map<Item, number>();
  /** How many entries each tenant has in each tier, taken ones included. */
  readonly #windows = new Map<string, number>();
  #entries = 0;
  readonly #waiting = new Set<() => void>();
  #isOpen = true;

  constructor(clock: Clock) {
    this.#clock = clock;
    const lane = (): Lane => ({ back: new TenantTurns(), fresh: new TenantTurns() });
    this.#lanes = { high: lane(), normal: lane(), bulk: lane() };
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

  #add({ tenant, tier, entry }: NewEntry): PublishResult {
    if (!this.#isOpen) return 'lost';
    const window = windowOf(tenant, tier);
    const used = this.#windows.get(window) ?? 0;
    if (used >= queueLimits.windowPerTenantAndTier || this.#entries >= queueLimits.memoryQueueEntriesMax)
      return 'full';
    this.#windows.set(window, used + 1);
    this.#entries += 1;
    this.#lanes[tier].fresh.push(tenant, { tenant, tier, entry, handedOut: 0 });
    return 'published';
  }

  #remove(item: Item): void {
    const window = windowOf(item.tenant, item.tier);
    const used = this.#windows.get(window) ?? 0;
    if (used > 1) this.#windows.set(window, used - 1);
    else this.#windows.delete(window);
    this.#entries -= 1;
  }

  #pick(max: number): Item[] {
    const items: Item[] = [];
    while (items.length < max) {
      const tier = this.#tierTurns.next((t) => this.#lanes[t].back.size + this.#lanes[t].fresh.size > 0);
      if (tier === null) break;
      const item = this.#lanes[tier].back.shift() ?? this.#lanes[tier].fresh.shift();
      if (item !== undefined) items.push(item);
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
      tenant: item.tenant,
      tier: item.tier,
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
    else this.#lanes[item.tier].back.push(item.tenant, item);
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

const windowOf = (tenant: string, tier: Tier): string => `${tier} ${tenant}`;
