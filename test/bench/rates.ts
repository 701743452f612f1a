// How many messages a second each system takes and delivers, and what one costs: rows in turn,
// round after round, so that whatever else the machine does at a time falls on all of them.

import { type Contender, missing } from './contender.ts';
import { type Round, type RoundOptions, runRound } from './round.ts';

export interface RateRow {
  readonly name: string;
  readonly durability: string;
  /** Why there are no rounds. */
  readonly missing: string | null;
  readonly rounds: readonly Round[];
}

export interface RateOptions extends RoundOptions {
  readonly rounds: number;
  /**
   * No round is started that would end later if it took as long as the longest before. The first
   * round always runs. Default: all rounds run.
   */
  readonly withinMs?: number;
}

export async function measureRates(
  contenders: readonly Contender[],
  options: RateOptions,
  say: (line: string) => void,
): Promise<RateRow[]> {
  const runnable = contenders.filter((contender) => missing(contender) === null);
  const rounds = new Map<Contender, Round[]>(runnable.map((contender) => [contender, []]));
  const { withinMs = Number.POSITIVE_INFINITY } = options;
  const start = performance.now();
  let longestMs = 0;
  for (let number = 0; number < options.rounds; number += 1) {
    const startedAt = performance.now();
    if (startedAt - start + longestMs > withinMs) break;
    // each row has each place once: what comes first finds a cooler machine
    for (const contender of rotated(runnable, number)) {
      const round = await named(contender, runRound(contender, options));
      rounds.get(contender)?.push(round);
      say(`round ${number + 1} of ${options.rounds}: ${contender.name} ${Math.round(round.perSecond)}/s`);
    }
    longestMs = Math.max(longestMs, performance.now() - startedAt);
  }
  return contenders.map((contender) => ({
    name: contender.name,
    durability: contender.durability,
    missing: missing(contender),
    rounds: rounds.get(contender) ?? [],
  }));
}

export const rotated = <T>(items: readonly T[], by: number): T[] =>
  items.map((_, i) => items[(i + by) % items.length] as T);

/** An error says whose it is. */
export async function named<T>({ name }: Contender, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new Error(`${name} failed`, { cause });
  }
}
