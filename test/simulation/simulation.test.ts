// 2,000 worlds of a cluster, 600 of embedded mode, and those that once showed a bug. `SEED=123
// vitest run test/simulation/simulation.test.ts` repeats one and prints what happened in it;
// `LAYOUT=embedded` beside it chooses a world of embedded mode.

import { describe, expect, it } from 'vitest';
import { runSeedsApart } from './run-seeds.ts';
import { simulate } from './world.ts';

const SEEDS = 2_000;
const EMBEDDED_SEEDS = 600;
const PROCESSES = 2;
const chosen = process.env.SEED;
const layout = process.env.LAYOUT === 'embedded' ? 'embedded' : 'cluster';

/**
 * Seeds whose worlds broke a law when the code had the bug named. They run in any case, however
 * many seeds there are.
 */
const once: readonly (readonly [seed: number, bug: string])[] = [
  [4, 'what was claimed while suppressions could not be read stayed in hand for ever'],
  [7, 'what the door handed over twice was told something else than was stored'],
  [12, 'a claim that was overtaken by the sweeper’s note was dropped'],
  [91, 'a message was neither published nor looked for when a backlog began beside it'],
  [606, 'a release made a delivery due earlier, after the store’s clock had gone back'],
];

if (chosen !== undefined) {
  it(`the world of seed ${chosen} breaks no law`, async () => {
    const { broken, lines } = await simulate(Number(chosen), { layout, keepLines: true });
    console.log(lines.join('\n'));
    expect(broken).toBeNull();
  });
}

describe.runIf(chosen === undefined)('simulated worlds', () => {
  it(`break no law in ${SEEDS} seeds, and meet everything there is to meet`, async () => {
    const share = SEEDS / PROCESSES;
    const reports = await Promise.all(
      Array.from({ length: PROCESSES }, (_, i) => runSeedsApart(1 + i * share, share)),
    );
    for (const { broken } of reports) {
      if (broken !== null) throw new Error(`SEED=${broken.seed} broke «${broken.law}»: ${broken.detail}`);
    }
    const met = (what: string): number => reports.reduce((sum, { tally }) => sum + (tally[what] ?? 0), 0);
    const rare = [
      ...['delivered', 'bounced', 'cancelled', 'suppressed', 'expired', 'unknown', 'dead'],
      ...['held for budget', 'held for suspended', 'held for route'],
      ...['lapsed from streaming', 'lapsed from committing', 'second copy'],
    ].map((what) => [what, met(what)] as const);
    expect(rare.filter(([, times]) => times < 20)).toEqual([]);
  });

  it(`of embedded mode break no law in ${EMBEDDED_SEEDS} seeds, whatever a start has to continue`, async () => {
    const { broken, tally } = await runSeedsApart(1, EMBEDDED_SEEDS, { layout: 'embedded' });
    if (broken !== null)
      throw new Error(`LAYOUT=embedded SEED=${broken.seed} broke «${broken.law}»: ${broken.detail}`);
    const rare = ['taken back at a start', 'entry forgotten at a start', 'second copy', 'unknown', 'dead'];
    expect(rare.filter((what) => (tally[what] ?? 0) < 20)).toEqual([]);
  });

  it.each(once)('of seed %i break no law any more (%s)', async (seed) => {
    expect((await simulate(seed)).broken).toBeNull();
  });

  it.each([2, 3, 5, 8, 13])('of seed %i are the same each time', async (seed) => {
    const first = await simulate(seed, { keepLines: true });
    const second = await simulate(seed, { keepLines: true });
    expect(second).toEqual(first);
    expect(first.lines.length).toBeGreaterThan(5);
  });

  it('of different seeds differ', async () => {
    const traces = await Promise.all([21, 22, 23].map(async (seed) => (await simulate(seed)).trace));
    expect(new Set(traces).size).toBe(3);
  });
});
