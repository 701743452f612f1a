// Counts the attempts of each sender by outcome, and adds the counts to the store every few seconds.
// The figures are for people, so a dispatcher that is killed may lose the last of them.

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

  /** Counts only outcomes that a server decided. Keeps the last reply of any kind. */
  attempt(owner: Owner, { outcome, at, code, enhanced }: AttemptResult): void {
    const counts = this.#of(owner);
    if (outcome in counterOf) counts[counterOf[outcome as keyof typeof counterOf]] += 1;
    if (code !== null) counts.lastReply = { at, code, enhanced };
  }

  paused(owner: Owner, route: string, pause: PausedRoute): void {
    const counts = this.#of(owner);
    counts.pausedRoutes = { ...counts.pausedRoutes, [route]: pause };
  }

  /** The counts since the last call. */
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

export interface TallyTeller {
  readonly store: Pick<SenderFiguresStore, 'add'>;
  readonly clock: Clock;
  readonly report: (what: string, error: unknown) => void;
}

/**
 * Adds the counts to the store until the signal aborts, and the rest afterwards. Never rejects:
 * counts that the store does not accept are lost.
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
