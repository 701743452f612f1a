// Writes docs/simulation.md: the laws, and what catches each mutant after how many seeds. Part of
// `make golden`; takes a minute.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { laws } from './laws.ts';
import { type Mutant, mutants, SEEDS_MAX } from './mutants.ts';
import { runSeedsApart } from './run-seeds.ts';

const rows: string[] = [];
for (const mutant of mutants) rows.push(await row(mutant));

async function row({ name }: Mutant): Promise<string> {
  const { broken, seeds } = await runSeedsApart(1, SEEDS_MAX, name);
  return broken === null ? `| ${name} | nothing | |` : `| ${name} | ${broken.law} | ${seeds} |`;
}

const page = `# The simulation

Written by \`make golden\`; the words around the lists are in test/simulation/write-page.ts.

\`test/simulation\` runs the real code of accept, dispatch and sweep, several processes of each, over the memory adapters, with a clock of its own that jumps
to the next moment in which anything can happen. A seed decides everything: what callers ask for, and which faults befall whom. Calls are late, fail before
or after they were carried out, or are never answered; processes crash at any await, freeze for longer than a lease, are shut down, have wrong clocks; the
queue loses everything, repeats itself and is full; the store goes away and its clock jumps; the mail server refuses, drops the connection at every stage and
takes its time. Then the weather turns calm, and everything must end.

\`vitest run test/simulation\` runs 2,000 seeds in two processes. A broken law prints its seed; \`SEED=123 vitest run test/simulation/simulation.test.ts\` repeats
that world and prints what happened in it, line by line.

## Laws

The first seven have the names of \`test/simulation/model/delivery.mjs\`, the model of one delivery that visits every state
(decisions/0003-the-state-machine-of-a-delivery.md).

${laws.map((law) => `- ${law}`).join('\n')}

## Rules broken on purpose

Each line of the code below was changed in turn as it was loaded (test/simulation/mutants.ts), and seeds were run from 1 on, at most ${SEEDS_MAX}.

| broken on purpose | noticed by | after seeds |
| --- | --- | --- |
${rows.join('\n')}

What breaks nothing is no promise. A 250 whose lease was lost is recorded all the same, because that spares a copy; entries are acked late, because that
spares a minute when a dispatcher dies.
`;

writeFileSync(join(import.meta.dirname, '../../docs/simulation.md'), page);
