// Which tenants and tiers have a backlog in the store. While one has, its new messages are not
// published: the sweeper feeds the queue oldest first, so nothing overtakes (R4). A publish that
// was refused says so at once; the store says it of what other processes met, and of what was there
// before this one started.

import type { Tier } from '../core/delivery/message.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { Clock } from '../ports/clock.ts';
import type { DueDeliveries } from '../ports/due-deliveries.ts';
import type { StoreClock } from '../ports/store-clock.ts';

type BacklogStore = StoreClock & Pick<DueDeliveries, 'backlogs'>;

const nameOf = (tenant: string, tier: Tier): string => `${tier}/${tenant}`;

export class Backlogs {
  readonly #messages: BacklogStore;
  readonly #clock: Clock;
  /** By name, until when it is believed without another sign; by the monotonic clock. */
  readonly #until = new Map<string, number>();
  #readAt = Number.NEGATIVE_INFINITY;
  #isReading = false;

  constructor(messages: BacklogStore, clock: Clock) {
    this.#messages = messages;
    this.#clock = clock;
  }

  /**
   * Answers from what is known, and has it read again in the background once it is older than a
   * sweep.
   */
  has(tenant: string, tier: Tier): boolean {
    const now = this.#clock.monotonic();
    if (!this.#isReading && now - this.#readAt >= sweepLimits.sweepEveryMs) {
      this.#readAt = now;
      void this.#read();
    }
    return (this.#until.get(nameOf(tenant, tier)) ?? now) > now;
  }

  /** The queue did not take an entry. Believed until the store can have shown it. */
  begin(tenant: string, tier: Tier): void {
    this.#until.set(
      nameOf(tenant, tier),
      this.#clock.monotonic() + sweepLimits.backlogSeenMs + 2 * sweepLimits.sweepEveryMs,
    );
  }

  /** Never rejects. What is due this moment is no backlog yet: a sweeper is about to feed it. */
  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      const found = await this.#messages.backlogs(this.#messages.now() - sweepLimits.backlogSeenMs);
      const now = this.#clock.monotonic();
      for (const [name, until] of this.#until) if (until <= now) this.#until.delete(name);
      for (const { tenant, tier } of found)
        this.#until.set(nameOf(tenant, tier), now + 2 * sweepLimits.sweepEveryMs);
    } catch {
      // the store is away: what is known runs out, and the next call asks again
    } finally {
      this.#isReading = false;
    }
  }
}
