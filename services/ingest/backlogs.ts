// Which tenants and tiers have a backlog in the store. While a tenant has a backlog in a tier, its
// new messages are not published: the sweeper feeds the queue oldest first, so that no message
// overtakes another (R4). Backlogs become known in two ways: at once from a publish that the queue
// refused, and by a regular read of the store, which also shows the backlogs that other processes
// met and those from before the start.

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
  /** By name, the monotonic time at which the backlog counts as gone unless it is seen again. */
  readonly #until = new Map<string, number>();
  #readAt = Number.NEGATIVE_INFINITY;
  #isReading = false;

  constructor(messages: BacklogStore, clock: Clock) {
    this.#messages = messages;
    this.#clock = clock;
  }

  /**
   * Returns what is known at once, so that no message waits for the store. Starts a read in the
   * background when the last one is older than a sweep.
   */
  has(tenant: string, tier: Tier): boolean {
    const now = this.#clock.monotonic();
    if (!this.#isReading && now - this.#readAt >= sweepLimits.sweepEveryMs) {
      this.#readAt = now;
      void this.#read();
    }
    return (this.#until.get(nameOf(tenant, tier)) ?? now) > now;
  }

  /**
   * The queue did not take an entry. Kept until a read of the store must have shown the backlog.
   */
  begin(tenant: string, tier: Tier): void {
    this.#until.set(
      nameOf(tenant, tier),
      this.#clock.monotonic() + sweepLimits.backlogSeenMs + 2 * sweepLimits.sweepEveryMs,
    );
  }

  /**
   * Never rejects. A delivery that became due a moment ago is no backlog: the sweeper is about to
   * publish it.
   */
  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      const found = await this.#messages.backlogs(this.#messages.now() - sweepLimits.backlogSeenMs);
      const now = this.#clock.monotonic();
      for (const [name, until] of this.#until) if (until <= now) this.#until.delete(name);
      for (const { tenant, tier } of found)
        this.#until.set(nameOf(tenant, tier), now + 2 * sweepLimits.sweepEveryMs);
    } catch {
      // The store is unreachable. Known backlogs expire, and the next call reads again.
    } finally {
      this.#isReading = false;
    }
  }
}
