// What became of the attempts of each sender, added up here and told every few seconds: it is for
// people to look at, so a dispatcher that is killed may take the last of it with it.

import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { Clock } from '../ports/clock.ts';
import type { SenderFigures, SenderFiguresStore } from '../ports/sender-figures.ts';

type Owner = Pick<SenderFigures, 'tenant' | 'sender'>;
type Counts = { -readonly [K in keyof SenderFigures]: SenderFigures[K] };

const counterOf = { delivered: 'sent', deferred: 'deferred', bounced: 'bounced' } as const;

interface AttemptResult {
  readonly outcome: string;
  readonly at: number;
  readonly code: number | null;
  readonly enhanced: string | null;
}

export class Tally {
  #figures = new Map<string, Counts>();

  /**
   * Outcomes that are none of a server's are not counted; its last reply is kept whatever it was.
   */
  attempt(owner: Owner, { outcome, at, code, enhanced }: AttemptResult): void {
    const counts = this.#of(owner);
    if (outcome in counterOf) counts[counterOf[outcome as keyof typeof counterOf]] += 1;
    if (code !== null) counts.lastReply = { at, code, enhanced };
  }

  paused(owner: Owner, route: string, until: number): void {
    const counts = this.#of(owner);
    counts.pausedRoutes = { ...counts.pausedRoutes, [route]: until };
  }

  /** What was counted since the last call. */
  take(): readonly SenderFigures[] {
    const taken = [...this.#figures.values()];
    this.#figures = new Map();
    return taken;
  }

  #of({ tenant, sender }: Owner): Counts {
    const key = `${tenant}/${sender}`;
    const known = this.#figures.get(key);
    if (known !== undefined) return known;
    const counts: Counts = {
      tenant,
      sender,
      sent: 0,
      deferred: 0,
      bounced: 0,
      lastReply: null,
      pausedRoutes: {},
    };
    this.#figures.set(key, counts);
    return counts;
  }
}

interface TallyTeller {
  readonly store: Pick<SenderFiguresStore, 'add'>;
  readonly clock: Clock;
  readonly report: (what: string, error: unknown) => void;
}

/**
 * Tells the store until the signal aborts, and then what is left. Never rejects: what a store does
 * not take is lost.
 */
export async function tellTally(
  tally: Tally,
  { store, clock, report }: TallyTeller,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const isLast = signal.aborted;
    try {
      await store.add(tally.take());
    } catch (error) {
      report('figures of senders could not be told', error);
    }
    if (isLast) return;
    await clock.sleep(dispatchLimits.figuresToldEveryMs, signal);
  }
}
