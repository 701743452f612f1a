// When a sweeper takes back no leases, because the store's clock has stepped. Dispatchers wrote
// their leases by the clock before the step. A lease that seems to be over may therefore belong to
// a dispatcher that is sending, and to take it back could cause a second copy.

import { deliveryLimits } from '../limits/delivery.ts';
import { dispatchLimits } from '../limits/dispatch.ts';
import { storeLimits } from '../limits/store.ts';

/** What a sweeper remembers between two looks at the store's clock. All in milliseconds. */
export interface LapsePause {
  /** When the sweeper looked, by its monotonic clock. */
  readonly seenAt: number;
  /** The store's clock less the monotonic clock at that moment. */
  readonly offset: number;
  /** By how much the offset may be wrong. */
  readonly errorMs: number;
  /** By the monotonic clock. The sweeper takes back no lease before this time. */
  readonly until: number;
}

/**
 * Compares the store's clock with the monotonic clock, and pauses if their difference has moved by
 * more than `deliveryLimits.clockSkewMs`. Slewing is no step: an embedded store's clock may move by
 * a tenth of the time that has passed. `before`: null at the first look, which never pauses.
 */
export function lapsePause(
  before: LapsePause | null,
  look: {
    readonly now: number;
    readonly monotonic: number;
    /**
     * The time that passed between the reading of the two clocks: on a crowded machine a process
     * may not run for a while in between, which is no step.
     */
    readonly errorMs: number;
    /** The length of a dispatcher's lease. */
    readonly leaseMs: number;
  },
): LapsePause {
  const { now, monotonic, errorMs, leaseMs } = look;
  const offset = now - monotonic;
  if (before === null) return { seenAt: monotonic, offset, errorMs, until: monotonic };
  // The allowance is limited to the slewing of one lease, which is less than the margin by which a
  // dispatcher distrusts its lease.
  const slewMax = Math.min(monotonic - before.seenAt, leaseMs) * storeLimits.storeClockSlewShare;
  const allowed = deliveryLimits.clockSkewMs + slewMax + before.errorMs + errorMs;
  const hasStepped = Math.abs(offset - before.offset) > allowed;
  const until = hasStepped ? monotonic + pauseMs(leaseMs) : before.until;
  return { seenAt: monotonic, offset, errorMs, until };
}

/**
 * One lease. If leases are short, at least the time in which every dispatcher measures the store's
 * clock and then renews its leases.
 */
const pauseMs = (leaseMs: number): number =>
  Math.max(leaseMs, storeLimits.storeClockEveryMs + leaseMs * dispatchLimits.leaseRenewShare);
