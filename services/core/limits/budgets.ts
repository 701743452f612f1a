// Budgets: calls to Redis, tokens that a process reserves ahead, and heartbeats of the processes
// that share a budget.

import { SECOND } from './units.ts';

export const budgetsLimits = {
  /** Timeout of one call to Redis. A request waits for the call, so the timeout is short. */
  budgetCallMs: 500,
  /**
   * Part of that timeout kept for the event loop: a command gives up this much earlier, so that the
   * call ends within its timeout.
   */
  budgetCallMarginMs: 25,
  /** Tokens that one call reserves ahead, at most: one call to Redis for 20 sends. */
  budgetLeaseTokens: 20,
  /** The part of a budget that all processes together may reserve ahead. */
  budgetLeaseShare: 0.01,
  /**
   * How often a process sends its heartbeat. The heartbeat also detects that Redis is lost or back.
   */
  budgetHeartbeatMs: 1 * SECOND,
  /** A process without a heartbeat for this long has no part when a budget is divided. */
  budgetHeartbeatLostMs: 10 * SECOND,
  /**
   * Budgets that a process remembers. The least recently used are dropped first, together with the
   * tokens that they had reserved.
   */
  budgetsMax: 100_000,
} as const;
