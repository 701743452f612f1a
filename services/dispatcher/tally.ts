// Counts the outcomes of each sender's attempts, and adds them to the store every few seconds. The
// figures are for people only, so a dispatcher that is killed may lose the last of them.

import { dispatchLimits } from '../core/limits/dispatch.ts';
import type { Clock } from '../ports/clock.ts';
import type { PausedRoute, SenderFigures, SenderFiguresStore } from '../ports/sender-figures.ts';

type Owner = Pick<SenderFigures, 'tenant' | 'sender'>;
type Counts = { -readonly [K in keyof SenderFigures]: SenderFigures[K] };

const counterOf = { delivered: 'sent', deferred: 'deferred', bounced: 'bounced' } as const;

export interface AttemptResult {
  readonly outcome: string;
  readonly at: number;
  readonly code: number | null;
  readonly enhanced: string | null;
}

export class Tally {
  #figures = new Map<string, Counts>();

  /** Counts only outcomes that a server's reply decided; keeps the last reply in any case. */
  attempt(owner: Owner, { outcome, at, code, enhanced }: AttemptResult): void {
    const counts = this.#of(owner);
    if (outcome in counterOf) counts[counterOf[outcome as keyof typeof counterOf]] += 1;
    if (code !== null) counts.lastReply = { at, code, enhanced };
  }

  paused(owner: Owner, route: string, pause: PausedRoute): void {
    const counts = this.#of(owner);
    counts.pausedRoutes = { ...counts.pausedRoutes, [route]: pause };
  }

  /** Returns the counts since the last call. */
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

export interface TallyParts {
  readonly store: Pick<SenderFiguresStore, 'add'>;
  readonly clock: Clock;
  readonly report: (what: string, error: unknown) => void;
}

/**
 * Adds the counts to the store at intervals until the signal aborts, and then the rest. Never
 * rejects: counts are lost when the store fails.
 */
export async function storeTally(
  tally: Tally,
  { store, clock, report }: TallyParts,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const isLast = signal.aborted;
    try {
      await store.add(tally.take());
    } catch (error) {
      report('the figures of senders could not be stored', error);
    }
    if (isLast) return;
    await clock.sleep(dispatchLimits.figuresToldEveryMs, signal);
  }
}
