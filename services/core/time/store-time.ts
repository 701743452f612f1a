// The store's time on one machine (R5). It runs with the monotonic clock and slews towards the wall
// clock, so that a step of the wall clock neither freezes nor hurries what is due. The time moves
// in one step in two cases: the machine was suspended, or the wall clock has been ahead for a
// minute. It never goes back.

import { storeLimits } from '../limits/store.ts';

/** What the clocks of the machine show at one moment, in milliseconds. */
export interface ClockReading {
  /** Since 1970. Administrators and NTP may step it in both directions. */
  readonly wall: number;
  /** Since an arbitrary moment. Never goes back; on Linux it stops while the machine is suspended. */
  readonly monotonic: number;
  /**
   * Since the machine started, including the time for which it was suspended. It may be exact to
   * one second only. Null: not read this time.
   */
  readonly uptime: number | null;
}

/** The store's time at one moment, and what the next moment needs to know about this one. */
export interface StoreTime {
  /** Milliseconds since 1970, with a fraction. */
  readonly time: number;
  readonly monotonic: number;
  /** The uptime less the monotonic clock. It grows only by suspended time. */
  readonly uptimeLead: number;
  /** Null unless the wall clock is ahead by more than `storeLimits.storeClockStepMs`. */
  readonly step: Step | null;
}

interface Step {
  /** Since when the wall clock has been ahead, by the monotonic clock. */
  readonly since: number;
  /**
   * The lowest difference between the wall clock and the monotonic clock since then: the part of
   * the step that has lasted all the time.
   */
  readonly leastOffset: number;
}

/**
 * The time at the start of a program. `lastStored`: the latest time in the store, or null if the
 * store is empty. If the wall clock is behind it, the store's time starts there, because nothing
 * may happen before what has happened already.
 */
export function startStoreTime(
  { wall, monotonic, uptime }: ClockReading & { readonly uptime: number },
  lastStored: number | null,
): StoreTime {
  return {
    time: Math.max(wall, lastStored ?? wall),
    monotonic,
    uptimeLead: uptime - monotonic,
    step: null,
  };
}

/** The time at a later reading. */
export function nextStoreTime(before: StoreTime, reading: ClockReading): StoreTime {
  const { wall, monotonic } = reading;
  const awake = Math.max(0, monotonic - before.monotonic);
  const { suspended, uptimeLead } = suspendedSince(before, reading);
  const unslewed = before.time + awake + suspended;
  const slewMax = awake * storeLimits.storeClockSlewShare;
  const slewed = unslewed + Math.min(slewMax, Math.max(-slewMax, wall - unslewed));
  // A suspension moves the wall clock too. That is no step, so the minute starts over.
  const step = stepAt(suspended > 0 ? null : before.step, slewed, reading);
  const hasLasted = step !== null && monotonic - step.since >= storeLimits.storeClockStepLastsMs;
  if (!hasLasted) return { time: slewed, monotonic, uptimeLead, step };
  const time = Math.max(slewed, monotonic + step.leastOffset);
  return { time, monotonic, uptimeLead, step: stepAt(null, time, reading) };
}

function suspendedSince(
  { uptimeLead }: StoreTime,
  { monotonic, uptime }: ClockReading,
): { readonly suspended: number; readonly uptimeLead: number } {
  if (uptime === null) return { suspended: 0, uptimeLead };
  const lead = uptime - monotonic;
  const grown = lead - uptimeLead;
  // A difference below the resolution of the uptime is noise. The lead stays as it is, so that
  // short suspensions add up until they count.
  if (Math.abs(grown) < storeLimits.storeClockSuspendedMinMs) return { suspended: 0, uptimeLead };
  // An uptime that fell belongs to another machine, to which a container was moved.
  return { suspended: Math.max(0, grown), uptimeLead: lead };
}

function stepAt(before: Step | null, time: number, { wall, monotonic }: ClockReading): Step | null {
  if (wall - time <= storeLimits.storeClockStepMs) return null;
  const offset = wall - monotonic;
  if (before === null) return { since: monotonic, leastOffset: offset };
  return { since: before.since, leastOffset: Math.min(before.leastOffset, offset) };
}
