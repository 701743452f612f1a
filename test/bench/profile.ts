// Takes a CPU profile of each thread of Packetboat under load, and prints what each stage costs per
// message. Compare two commits on the same machine, in turns.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startHttpClient } from './http-client.ts';
import { startEmbedded, startOwnCluster } from './packetboat.ts';
import { openProbes } from './probe/probes.ts';
import { functionsOf, type Share, stagesOf } from './probe/stages.ts';
import { table } from './report.ts';
import { startSink } from './sink.ts';

const USAGE = `node test/bench/profile.ts [--functions N] [embedded] [cluster]
CPU time per message of each thread, by stage, and the N functions with the most time of their own.
SQLite's thread waits for the disk inside of a call, so its samples also show where it waits.
From the environment: MESSAGES (5000). Writes the profiles to bench-results/, for Chrome's DevTools.`;

const root = fileURLToPath(new URL('../../', import.meta.url));
const IN_FLIGHT = 64;
const WAIT_MS = 60_000;
const US_SHOWN_MIN = 5;

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { functions: { type: 'string', default: '0' }, help: { type: 'boolean' } },
});
const systems = { embedded: startEmbedded, cluster: startOwnCluster };
const wanted = (['embedded', 'cluster'] as const).filter(
  (name) => positionals.length === 0 || positionals.includes(name),
);
if (values.help) console.log(USAGE);
else for (const name of wanted) await profile(name, Number(process.env.MESSAGES ?? 5_000));

async function profile(name: keyof typeof systems, messages: number): Promise<void> {
  await using probes = await openProbes(false);
  await using sink = await startSink();
  await using system = await systems[name]({ sinkPort: sink.port, env: probes.env });
  if (system.door.kind !== 'http') throw new Error(`${name} takes no messages over HTTP`);
  await using client = await startHttpClient(system.door);
  const pace = { kind: 'asFastAsAnswered', inFlight: IN_FLIGHT } as const;
  await client.ask({ prefix: 'w', count: messages, pace });
  await sink.reached(messages, WAIT_MS);

  await probes.ask(system.parts, 'startProfile');
  await client.ask({ prefix: 'm', count: messages, pace });
  await sink.reached(2 * messages, WAIT_MS);
  const threads = await probes.ask(system.parts, 'stopProfile');

  const folder = join(root, 'bench-results');
  await mkdir(folder, { recursive: true });
  const stages: string[][] = [];
  const functions: string[][] = [];
  for (const { program, thread, answer } of threads.toSorted((a, b) => a.thread - b.thread)) {
    if (answer.kind !== 'profile') throw new Error('a probe gave the answer to another question');
    const place = thread === 0 ? program : `${program}, thread ${thread}`;
    await writeFile(join(folder, `${name}-${program}-${thread}.cpuprofile`), JSON.stringify(answer.profile));
    const byStage = stagesOf(answer.profile, root);
    const sampledUs = byStage.reduce((sum, { us }) => sum + us, 0);
    // Samples also count the time for which a busy thread waits for a processor, and the CPU time
    // also counts the samples that the profiler takes of an idle thread.
    const perMessage = Math.min(sampledUs, answer.cpuUs) / messages;
    if (perMessage < US_SHOWN_MIN) continue; // a thread that has nothing to do with messages
    const line = ({ name, us }: Share) => [place, name, ((us / sampledUs) * perMessage).toFixed(1)];
    stages.push([place, 'all', perMessage.toFixed(1)], ...byStage.map(line));
    functions.push(...functionsOf(answer.profile, root).slice(0, Number(values.functions)).map(line));
  }
  console.log(`\n${name}, ${messages} messages\n\n${table(['thread', 'stage', 'µs/message'], stages)}`);
  if (functions.length > 0) console.log(`\n${table(['thread', 'function', 'µs/message'], functions)}`);
}
