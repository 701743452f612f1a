// The outcomes of each sender's recent attempts, for people only. No program bases a
// decision on these figures, and some of them may be lost.

import type { Category } from '../core/delivery/reply.ts';

export interface PausedRoute {
  /** When the pause ends, by the store's clock. */
  readonly until: number;
  readonly reason: Category;
  /** One sentence of our own, without words of a server. */
  readonly message: string;
}

export interface SenderFigures {
  readonly tenant: string;
  readonly sender: string;
  /** Number of attempts by outcome. */
  readonly sent: number;
  readonly deferred: number;
  readonly bounced: number;
  /** The last reply of the next hop, without its text, which may contain addresses. */
  readonly lastReply: {
    readonly at: number;
    readonly code: number | null;
    readonly enhanced: string | null;
  } | null;
  /** Routes that a dispatcher has paused, by name. */
  readonly pausedRoutes: Readonly<Record<string, PausedRoute>>;
}

export interface SenderFiguresStore extends AsyncDisposable {
  /** Adds these figures to the stored ones. Rejects with `Failure('unavailable')`. */
  add(figures: readonly SenderFigures[]): Promise<void>;

  /**
   * The sums of the last hour, give or take `dispatchLimits.figuresSlotMs`, of the senders that
   * have figures.
   */
  lastHour(): Promise<readonly SenderFigures[]>;
}
