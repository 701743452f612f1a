// Which tenants and tiers have a backlog in the store. While one has, its new messages are not published: the sweeper feeds the queue oldest first,
// so nothing overtakes (RELIABILITY R4). A publish that was refused starts a backlog, the store says when it is gone.

import { limits } from '../core/limits.ts';
import type { Tier } from '../core/message.ts';
import type { Clock } from '../ports/clock.ts';
import type { MessageStore } from '../ports/message-store.ts';

const nameOf = (tenant: string, tier: Tier): string => `${tier}/${tenant}`;

export class Backlogs {
  readonly #messages: MessageStore;
  readonly #clock: Clock;
  #known = new Set<string>();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(messages: MessageStore, clock: Clock) {
    this.#messages = messages;
    this.#clock = clock;
  }

  /** Answers from what is known, and has it read again in the background once it is older than a sweep. */
  has(tenant: string, tier: Tier): boolean {
    if (this.#known.size > 0 && this.#clock.monotonic() - this.#readAt >= limits.sweepEveryMs) this.#refresh();
    return this.#known.has(nameOf(tenant, tier));
  }

  /** A publish was refused: the window is full. */
  begin(tenant: string, tier: Tier): void {
    this.#known.add(nameOf(tenant, tier));
    this.#readAt = this.#clock.monotonic();
  }

  /** Reads the store, once at a time. */
  #refresh(): void {
    if (this.#reading !== null) return;
    this.#readAt = this.#clock.monotonic();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    try {
      const found = await this.#messages.backlogs(this.#messages.now());
      this.#known = new Set(found.map((b) => nameOf(b.tenant, b.tier)));
    } catch {
      // the store is away: what is known stays, and the next call asks again
    } finally {
      this.#reading = null;
    }
  }
}
