// Runs the seeds of a range until one breaks a law, and prints what came of it as a line of JSON: `node run-seeds.ts FIRST COUNT`. A program of its
// own, so that several run at a time and a mutated tree never meets a sound one.

import { pathToFileURL } from 'node:url';
import { simulate } from './world.ts';

export interface Report {
  readonly seeds: number;
  readonly turns: number;
  readonly broken: { readonly seed: number; readonly law: string; readonly detail: string } | null;
}

export async function runSeeds(first: number, count: number): Promise<Report> {
  let turns = 0;
  for (let i = 0; i < count; i++) {
    const outcome = await simulate(first + i);
    turns += outcome.turns;
    if (outcome.broken !== null) return { seeds: i + 1, turns, broken: { seed: outcome.seed, ...outcome.broken } };
  }
  return { seeds: count, turns, broken: null };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [first = 1, count = 1] = process.argv.slice(2).map(Number);
  console.log(JSON.stringify(await runSeeds(first, count)));
}
