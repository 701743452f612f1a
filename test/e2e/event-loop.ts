// How long the event loops of an installation stalled, as each process measures it.

import { runningLimits } from '../../services/core/limits/running.ts';
import type { Installation } from '../support/installation.ts';

/**
 * A stall that an input causes happens each time; a stall that other tests on the machine cause
 * does not happen three times in a row.
 */
const ROUNDS = 3;

/**
 * Repeats the action until no event loop stalls longer than the limit. The error after the last
 * round names the programs that stalled, and for how long.
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

/** Stalls since the last call: the histogram of a program is reset by each scrape. */
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
