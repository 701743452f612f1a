// Budgets: calls, tokens reserved ahead, and signs of life.

import { SECOND } from './units.ts';

export const budgetsLimits = {
  budgetCallMs: 500,
  /** Tokens that one call reserves ahead, at most. */
  budgetLeaseTokens: 20,
  /** The part of a budget that all processes together may hold reserved ahead. */
  budgetLeaseShare: 0.01,
  /**
   * Each process says this often that it lives, and so finds out that Redis is lost, and that it is
   * back.
   */
  budgetHeartbeatMs: 1 * SECOND,
  /** A process not heard of for this long does not count when a budget is divided. */
  budgetHeartbeatLostMs: 10 * SECOND,
  /**
   * Budgets that a process keeps figures of. The least recently used go first; a forgotten one
   * costs the tokens it had reserved.
   */
  budgetsMax: 100_000,
} as const;
