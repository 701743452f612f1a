// What became of the attempts of each sender lately, for people to look at. Nobody decides by it,
// and losing some of it loses nothing.

export interface SenderFigures {
  readonly tenant: string;
  readonly sender: string;
  /** Attempts, by what came of them. */
  readonly sent: number;
  readonly deferred: number;
  readonly bounced: number;
  /** Of the next hop, without its words: they may hold addresses. */
  readonly lastReply: {
    readonly at: number;
    readonly code: number | null;
    readonly enhanced: string | null;
  } | null;
  /** Names of routes that a dispatcher has paused, and until when. */
  readonly pausedRoutes: Readonly<Record<string, number>>;
}

export interface SenderFiguresStore extends AsyncDisposable {
  /** Adds to what is there. Rejects with `Failure('unavailable')`. */
  add(figures: readonly SenderFigures[]): Promise<void>;

  /**
   * Sums of the last hour, give or take `dispatchLimits.figuresSlotMs`; senders with none are not
   * among them.
   */
  lastHour(): Promise<readonly SenderFigures[]>;
}
