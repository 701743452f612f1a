// The simulation notices each rule that is broken on purpose. What is caught by what, and after how
// many seeds, is in docs/simulation.md.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { laws } from './laws.ts';
import { mutants, SEEDS_MAX } from './mutants.ts';
import { runSeedsApart } from './run-seeds.ts';

describe(`a mutant is caught within ${SEEDS_MAX} seeds`, () => {
  it.each(mutants.filter((m) => m.breaks.length > 0))('$name', async ({ name, breaks }) => {
    const { broken } = await runSeedsApart(1, SEEDS_MAX, name);
    expect(breaks).toContain(broken?.law);
  });
});

describe('what breaks nothing in the model breaks nothing here', () => {
  it.each(mutants.filter((m) => m.breaks.length === 0))('$name', async ({ name }) => {
    expect((await runSeedsApart(1, SEEDS_MAX, name)).broken).toBeNull();
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
