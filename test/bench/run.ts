// `make bench`: everything, in turn, from one command. Prints tables, writes bench-results/ and,
// after a whole run, docs/benchmarks.md. A time is never an error; an account that does not add up
// is.

import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureLatency } from './accept-latency.ts';
import { measureBacklog } from './backlog.ts';
import type { Contender } from './contender.ts';
import { measureMemory } from './large-messages.ts';
import { describeMachine } from './machine.ts';
import { measureOperator } from './operator-scale.ts';
import { cluster, embedded } from './packetboat.ts';
import { bareLoop } from './peers/bare-loop.ts';
import { bullMq } from './peers/bullmq.ts';
import { postfix } from './peers/postfix.ts';
import { measureRates } from './rates.ts';
import { page, type Results, tables } from './report.ts';

const USAGE = `node test/bench/run.ts [rates] [latency] [memory] [backlog] [operator]
All of them unless some are named. From the environment: ROUNDS (5), MESSAGES (5000 a round), LATENCY_SECONDS (10), BACKLOG (1000000), OBJECTS (5000 of each kind).`;

const root = join(import.meta.dirname, '../..');
const sections = ['rates', 'latency', 'memory', 'backlog', 'operator'] as const;

/** Fewer tell nothing that the docs should repeat. */
const ROUNDS_IN_DOCS = 5;
const PAIRED_ROUNDS = 3;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
if (values.help) {
  console.log(USAGE);
} else if (process.platform !== 'linux') {
  console.error('The benchmark needs Linux: what processes cost is read from /proc.');
  process.exitCode = 1;
} else {
  await bench(
    positionals.length === 0 ? sections : sections.filter((section) => positionals.includes(section)),
  );
}

async function bench(wanted: readonly (typeof sections)[number][]): Promise<void> {
  const options = {
    rounds: fromEnvironment('ROUNDS', 5),
    messages: fromEnvironment('MESSAGES', 5_000),
    latencyRounds: PAIRED_ROUNDS,
    latencyPerSecond: 500,
    latencySeconds: fromEnvironment('LATENCY_SECONDS', 10),
    largeMessages: 20,
    backlog: fromEnvironment('BACKLOG', 1_000_000),
    objects: fromEnvironment('OBJECTS', 5_000),
  };
  const { rounds, messages } = options;
  const ours: readonly Contender[] = [embedded, cluster];
  const results: Results = {
    at: new Date().toISOString(),
    commit: execFileSync('git', ['describe', '--always', '--dirty'], { cwd: root, encoding: 'utf8' }).trim(),
    machine: describeMachine(),
    options,
    ...(wanted.includes('rates') && {
      rates: await measureRates(
        [bareLoop, bullMq, postfix, ...ours],
        { rounds, messages, warmUp: Math.ceil(messages / 5) },
        say,
      ),
    }),
    ...(wanted.includes('latency') && {
      latency: await measureLatency(
        [bullMq, ...ours],
        {
          rounds: options.latencyRounds,
          perSecond: options.latencyPerSecond,
          seconds: options.latencySeconds,
        },
        say,
      ),
    }),
    ...(wanted.includes('memory') && { memory: await measureMemory(ours, options.largeMessages, say) }),
    ...(wanted.includes('backlog') && {
      backlog: await measureBacklog(
        { rounds: PAIRED_ROUNDS, large: options.backlog, small: 10_000, deliveries: 5_000 },
        say,
      ),
    }),
    ...(wanted.includes('operator') && {
      operator: await measureOperator({ objects: options.objects, idleSeconds: 60 }, say),
    }),
  };
  console.log(`\n${tables(results)}`);
  const folder = join(root, 'bench-results');
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${results.at.replaceAll(':', '-').slice(0, 19)}.json`);
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
  say(`wrote ${file}`);
  if (wanted.length === sections.length && rounds >= ROUNDS_IN_DOCS) {
    await writeFile(join(root, 'docs/benchmarks.md'), page(results));
    say('wrote docs/benchmarks.md');
  }
}

function fromEnvironment(name: string, usual: number): number {
  const value = Number(process.env[name] ?? usual);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number above 0`);
  return value;
}

function say(line: string): void {
  console.error(line);
}
