// Knows which lanes have a backlog in the store. While a lane has a backlog, its new messages are
// not published: the sweeper feeds the queue oldest first, so that no message overtakes another
// (R4). This class learns of a backlog at once when the queue refuses an
// entry. It also reads the store regularly, which shows backlogs that other processes caused, and
// those from before the start.

import { type Lane, laneKey } from '../core/delivery/pacing/lane.ts';
import { sweepLimits } from '../core/limits/sweep.ts';
import type { Clock } from '../ports/clock.ts';
import type { DueDeliveries } from '../ports/due-deliveries.ts';
import type { StoreClock } from '../ports/store-clock.ts';

type BacklogStore = StoreClock & Pick<DueDeliveries, 'backlogs'>;

export class Backlogs {
  readonly #messages: BacklogStore;
  readonly #clock: Clock;
  /** By lane: the monotonic time at which a backlog is forgotten unless it is seen again. */
  readonly #until = new Map<string, number>();
  #readAt = Number.NEGATIVE_INFINITY;
  #isReading = false;

  constructor(messages: BacklogStore, clock: Clock) {
    this.#messages = messages;
    this.#clock = clock;
  }

  /**
   * Returns the known state at once, so that no message waits for the store. Starts a read in the
   * background if the last read is older than the period of a sweep.
   */
  has(lane: Lane): boolean {
    const now = this.#clock.monotonic();
    if (!this.#isReading && now - this.#readAt >= sweepLimits.sweepEveryMs) {
      this.#readAt = now;
      void this.#read();
    }
    return (this.#until.get(laneKey(lane)) ?? now) > now;
  }

  /**
   * Called when the queue refused an entry. The backlog stays known until a later read of the store
   * must have shown it.
   */
  begin(lane: Lane): void {
    this.#until.set(
      laneKey(lane),
      this.#clock.monotonic() + sweepLimits.backlogSeenMs + 2 * sweepLimits.sweepEveryMs,
    );
  }

  /**
   * Never rejects. A delivery that has just become due is not a backlog: the sweeper is about to
   * publish it.
   */
  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      const found = await this.#messages.backlogs(this.#messages.now() - sweepLimits.backlogSeenMs);
      const now = this.#clock.monotonic();
      for (const [key, until] of this.#until) if (until <= now) this.#until.delete(key);
      for (const lane of found) this.#until.set(laneKey(lane), now + 2 * sweepLimits.sweepEveryMs);
    } catch {
      // The store is unreachable. Known backlogs expire, and the next call reads again.
    } finally {
      this.#isReading = false;
    }
  }
}
