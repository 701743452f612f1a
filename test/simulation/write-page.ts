// Writes docs/simulation.md: the laws, and for each mutant the law that it breaks and the number of
// seeds. Part of `make golden`; takes a minute.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { laws } from './laws.ts';
import { type Mutant, mutants, SEEDS_MAX } from './mutants.ts';
import { runSeedsApart } from './run-seeds.ts';

const rows: string[] = [];
for (const mutant of mutants) rows.push(await row(mutant));

async function row({ name, layout = 'cluster' }: Mutant): Promise<string> {
  const { broken, seeds } = await runSeedsApart(1, SEEDS_MAX, { mutant: name, layout });
  return broken === null ? `| ${name} | nothing | |` : `| ${name} | ${broken.law} | ${seeds} |`;
}

const page = `# The simulation

\`make golden\` writes this page; the text around the lists is in test/simulation/write-page.ts.

\`test/simulation\` runs the real code of ingest, dispatcher and sweeper over the memory adapters, with several processes of each program (a cluster), or as the parts of one process (embedded mode). The simulated clock jumps
to the next moment at which something can happen. A seed determines all requests and all faults:

- calls are late, fail before or after they took effect, or never return;
- processes crash at any await, freeze for longer than a lease, shut down, and have wrong clocks;
- the queue loses all entries, repeats entries and is full;
- the store is unreachable;
- the store's clock steps forward and back while mail is being sent: MongoDB's clock, which the processes follow at different times, or in embedded mode the wall clock of the machine,
  which is also suspended; the wall clock also steps while the process of embedded mode is down;
- the mail server rejects mail, is slow, and drops the connection at every stage.

After a while the faults stop, and every delivery must end.

In embedded mode the process has the queue in its memory. Its parts end together, the queue is lost with them, and the next start continues their mail.

\`vitest run test/simulation\` runs 2,000 seeds of a cluster in two processes, and 600 seeds of embedded mode. When a law is broken, the test prints the seed. \`SEED=123 vitest run test/simulation/simulation.test.ts\`
repeats that run and prints each step; \`LAYOUT=embedded\` beside it repeats a run of embedded mode.

## Laws

The first seven laws have the same names as in \`test/simulation/model/delivery.mjs\`, a model of one delivery whose reachable states are all checked
([0003](decisions/0003-the-state-machine-of-a-delivery.md)).

${laws.map((law) => `- ${law}`).join('\n')}

## Mutants

Each mutant breaks one rule: it changes a line of code when the code is loaded (test/simulation/mutants.ts). The table shows which law the mutant broke, and after how many seeds of at most ${SEEDS_MAX}.

| mutant | broken law | seeds |
| --- | --- | --- |
${rows.join('\n')}

Mutants without a broken law are not promises. A dispatcher records a 250 after it lost its lease, because that avoids a copy. It acks entries late, because that
saves a minute when a dispatcher dies.
`;

writeFileSync(join(import.meta.dirname, '../../docs/simulation.md'), page);
