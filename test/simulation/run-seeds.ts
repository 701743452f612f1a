// Runs the seeds of a range until one breaks a law, and prints the result as a line of JSON:
// `node run-seeds.ts FIRST COUNT [embedded]`. A separate program, so that several run at a time, and
// so that a process loads either the mutant or the unchanged sources.

import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Law } from './laws.ts';
import type { Layout } from './settings.ts';
import { simulate } from './world.ts';

export interface SeedsReport {
  /** How many were run, the broken one included. */
  readonly seeds: number;
  readonly turns: number;
  /** How often each kind of thing happened. */
  readonly tally: Readonly<Record<string, number>>;
  readonly broken: { readonly seed: number; readonly law: Law; readonly detail: string } | null;
}

async function runSeeds(first: number, count: number, layout: Layout): Promise<SeedsReport> {
  let turns = 0;
  const tally: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const outcome = await simulate(first + i, { layout });
    turns += outcome.turns;
    for (const [what, times] of Object.entries(outcome.tally)) tally[what] = (tally[what] ?? 0) + times;
    if (outcome.broken !== null)
      return { seeds: i + 1, turns, tally, broken: { seed: outcome.seed, ...outcome.broken } };
  }
  return { seeds: count, turns, tally, broken: null };
}

export interface SeedsOptions {
  /** Default: `cluster`. */
  readonly layout?: Layout;
  /** Name of a mutant (mutants.ts), which changes the sources as they are loaded. */
  readonly mutant?: string;
}

/** Runs a range in a separate process. Rejects when the process fails. */
export async function runSeedsApart(
  first: number,
  count: number,
  { layout = 'cluster', mutant }: SeedsOptions = {},
): Promise<SeedsReport> {
  const hook = mutant === undefined ? [] : ['--import', `${import.meta.dirname}/mutate.ts`];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...hook, import.meta.filename, String(first), String(count), layout],
    {
      env: { PATH: process.env.PATH, MUTANT: mutant },
      timeout: 100_000,
    },
  );
  return JSON.parse(stdout) as SeedsReport;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [first = 1, count = 1, layout = 'cluster'] = process.argv.slice(2);
  const report = await runSeeds(Number(first), Number(count), layout === 'embedded' ? layout : 'cluster');
  console.log(JSON.stringify(report));
}
