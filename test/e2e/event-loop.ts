// How long the event loops of an installation stalled, as each process measures it.

import { runningLimits } from '../../services/core/limits/running.ts';
import type { Installation } from '../support/installation.ts';

/**
 * A stall that an input causes comes each time; one that the machine causes, busy with other tests,
 * does not come three times in a row.
 */
const ROUNDS = 3;

/**
 * Performs until no event loop stalled over the limit meanwhile; the error after the last round
 * says which did, and for how long.
 */
export async function withoutStall<T>(packetboat: Installation, perform: () => Promise<T>): Promise<T> {
  const seen: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await longestStalls(packetboat);
    const result = await perform();
    const stalls = await longestStalls(packetboat);
    const [worst] = stalls.toSorted((a, b) => b.ms - a.ms);
    if (worst === undefined || worst.ms <= runningLimits.eventLoopStallMs) return result;
    seen.push(`${worst.role} ${Math.round(worst.ms)} ms`);
  }
  throw new Error(`the event loop stalled each time: ${seen.join(', ')}`);
}

/** Since the last call: the histogram of a program starts anew with each scrape. */
function longestStalls({
  programs,
}: Installation): Promise<{ readonly role: string; readonly ms: number }[]> {
  return Promise.all(
    programs.map(async ({ role, operationsUrl }) => {
      const text = await (await fetch(`${operationsUrl}/metrics`)).text();
      const [, seconds] = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text) ?? [];
      if (seconds === undefined) throw new Error(`${role} does not tell how long its event loop stalls`);
      return { role, ms: Number(seconds) * 1000 };
    }),
  );
}
