// The simulation notices each rule that is broken on purpose. What is caught by what, and after how
// many seeds, is in docs/simulation.md.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { laws } from './laws.ts';
import { type Mutant, mutants, SEEDS_MAX } from './mutants.ts';
import { runSeedsApart, type SeedsOptions } from './run-seeds.ts';

const seedsOf = ({ name, layout = 'cluster' }: Pick<Mutant, 'name' | 'layout'>): SeedsOptions => ({
  mutant: name,
  layout,
});

describe(`a mutant is caught within ${SEEDS_MAX} seeds`, () => {
  it.each(mutants.filter((m) => m.breaks.length > 0))('$name', async ({ breaks, ...mutant }) => {
    const { broken } = await runSeedsApart(1, SEEDS_MAX, seedsOf(mutant));
    expect(breaks).toContain(broken?.law);
  });
});

describe('what breaks nothing in the model breaks nothing here', () => {
  it.each(mutants.filter((m) => m.breaks.length === 0))('$name', async (mutant) => {
    expect((await runSeedsApart(1, SEEDS_MAX, seedsOf(mutant))).broken).toBeNull();
  });
});

describe('docs/simulation.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/simulation.md'), 'utf8');

  it('names every law and every mutant (make golden)', () => {
    expect(
      [...laws, ...mutants.map((m) => m.name)].filter(
        (name) => !page.includes(`| ${name} |`) && !page.includes(`- ${name}\n`),
      ),
    ).toEqual([]);
  });
});
