// Formats the results as tables, for docs/benchmarks.md and the terminal.

import type { LatencyRow } from './accept-latency.ts';
import type { BacklogRow } from './backlog.ts';
import type { MemoryRow } from './large-messages.ts';
import type { Machine } from './machine.ts';
import type { OperatorScale } from './operator-scale.ts';
import type { RateRow } from './rates.ts';
import { median, type Spread, spread } from './statistics.ts';

export interface Results {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly options: Readonly<Record<string, number>>;
  readonly rates?: readonly RateRow[];
  readonly latency?: readonly LatencyRow[];
  readonly memory?: readonly MemoryRow[];
  readonly backlog?: readonly BacklogRow[];
  readonly operator?: OperatorScale;
}

const MIB = 1024 * 1024;

export function tables(results: Results): string {
  const { rates, latency, memory, backlog, operator } = results;
  const sections = [
    machineLine(results),
    rates === undefined ? '' : ratesSection(rates, results.options),
    latency === undefined ? '' : latencySection(latency, results.options),
    memory === undefined ? '' : memorySection(memory, results.options),
    backlog === undefined ? '' : backlogSection(backlog),
    operator === undefined ? '' : operatorSection(operator),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

export function page(results: Results): string {
  return `# Benchmarks

\`make bench\` writes this page; do not edit it. [test/bench/README.md](../test/bench/README.md) explains each row and figure.
Compare only ratios within one run, not figures of different machines or runs. \`make bench-quick\` prints the ratios to BullMQ + nodemailer and to Postfix in at most 90 s.

${tables(results)}`;
}

const machineLine = ({ at, commit, machine }: Results): string =>
  `${at.slice(0, 10)}, commit ${commit}. ${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, ${machine.kernel}, Node ${machine.node}.`;

function ratesSection(rows: readonly RateRow[], { rounds, messages }: Results['options']): string {
  const rate = (name: string): number | null => {
    const row = rows.find((each) => each.name === name);
    return row === undefined || row.rounds.length === 0
      ? null
      : median(row.rounds.map((round) => round.perSecond));
  };
  const [embedded, cluster] = [rate('Packetboat embedded'), rate('Packetboat cluster')];
  const header = [
    '',
    'messages/s',
    'range',
    'embedded is',
    'cluster is',
    'CPU µs/message',
    'memory MiB',
    'an accepted message survives',
  ];
  const lines = rows.map((row) => {
    if (row.missing !== null)
      return [row.name, `missing (${row.missing})`, '', '', '', '', '', row.durability];
    const perSecond = spread(row.rounds.map((round) => round.perSecond));
    const cpu = spread(row.rounds.map((round) => sum(round.parts.map((part) => part.cpuUsPerMessage))));
    const memory = spread(row.rounds.map((round) => sum(round.parts.map((part) => part.rssPeakBytes)) / MIB));
    const ratio = (ours: number | null): string =>
      ours === null ? '' : `${(ours / perSecond.median).toFixed(2)} ×`;
    return [
      row.name,
      whole(perSecond.median),
      range(perSecond),
      ratio(embedded),
      ratio(cluster),
      whole(cpu.median),
      whole(memory.median),
      row.durability,
    ];
  });
  const parts = rows.flatMap((row) =>
    // by name, because the programs of a round are in the order in which they started
    (row.rounds[0]?.parts ?? []).map(({ name }) => [
      row.name,
      name,
      whole(
        median(row.rounds.map(({ parts }) => parts.find((part) => part.name === name)?.cpuUsPerMessage ?? 0)),
      ),
      whole(
        median(row.rounds.map(({ parts }) => parts.find((part) => part.name === name)?.rssPeakBytes ?? 0)) /
          MIB,
      ),
    ]),
  );
  const every = rows.flatMap((row) => row.rounds);
  const others =
    every.length === 0
      ? 'nothing was measured'
      : `other load ${median(every.map((round) => round.otherCores)).toFixed(2)} cores in the median round, at most ${Math.max(...every.map((round) => round.otherCores)).toFixed(2)}`;
  return `## Accepted to delivered

${rounds} rounds of ${messages} messages of 2.9 KB, no DKIM; median and range; ${others}.

${table(header, lines)}

Each process (medians of CPU and of the largest resident size):

${table(['', 'process', 'CPU µs/message', 'memory MiB'], parts)}`;
}

function latencySection(
  rows: readonly LatencyRow[],
  { latencyPerSecond, latencySeconds, latencyRounds }: Results['options'],
): string {
  const lines = rows.map((row) => {
    if (row.missing !== null) return [row.name, `missing (${row.missing})`, '', '', ''];
    const [p50, p99, max] = (['p50Ms', 'p99Ms', 'maxMs'] as const).map((figure) =>
      spread(row.rounds.map((round) => round[figure])),
    );
    const refused = row.rounds.flatMap((round) =>
      Object.entries(round.refused).map(([status, count]) => `${count} × ${status}`),
    );
    return [row.name, ms(p50), ms(p99), ms(max), refused.join(', ') || 'none'];
  });
  return `## Time to accept

Open loop, ${latencyPerSecond} requests/s for ${latencySeconds} s while mail is delivered; times start at the scheduled time of each request; ${latencyRounds} rounds, median and range, in ms.

${table(['', 'p50', 'p99', 'max', 'refused'], lines)}`;
}

function memorySection(rows: readonly MemoryRow[], { largeMessages }: Results['options']): string {
  const lines = rows.flatMap((row) =>
    row.missing === null
      ? row.parts.map((part) => [
          row.name,
          part.name,
          whole(part.rssPeakBytes / MIB),
          row.seconds?.toFixed(1) ?? '',
          refusals(row),
        ])
      : [[row.name, `missing (${row.missing})`, '', '', '']],
  );
  return `## Memory with large messages

${largeMessages} messages of 50 MiB each, all at once; the largest resident size of each process.

${table(['', 'process', 'MiB', 'seconds until delivered', 'refused'], lines)}`;
}

const refusals = ({ refused }: MemoryRow): string =>
  Object.entries(refused)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ') || 'none';

function backlogSection(rows: readonly BacklogRow[]): string {
  const costs = rows.map((row) => median(row.rounds.map((round) => round.cpuUsPerDelivery)));
  const lines = rows.map(({ queued, rounds }, i) => {
    const figure = (name: 'cpuUsPerDelivery' | 'perSecond' | 'startMs'): Spread =>
      spread(rounds.map((round) => round[name]));
    const ratio = ((costs[i] ?? 0) / (costs[0] ?? 1)).toFixed(2);
    const [cost, rate, start] = [figure('cpuUsPerDelivery'), figure('perSecond'), figure('startMs')];
    return [
      queued.toLocaleString('en'),
      `${whole(cost.median)} (${range(cost)})`,
      ratio,
      whole(rate.median),
      whole(start.median),
    ];
  });
  return `## Delivery from a large backlog

Packetboat embedded starts with a backlog of short mails and delivers it, while no new mail is accepted.

${table(['queued', 'CPU µs/delivery', 'ratio', 'deliveries/s', 'start, ms'], lines)}`;
}

function operatorSection({ missing, objects, takeoverMs, ...figures }: OperatorScale): string {
  const seconds = (value: number): string => `${value.toFixed(1)} s`;
  const lines =
    missing === null
      ? [
          ['from the start of the program until all objects are ready', seconds(figures.convergeSeconds)],
          ['requests to the API server until then', whole(figures.requestsToConverge)],
          ['until a new leader has reconciled all objects', seconds(figures.againSeconds)],
          ['largest resident size', `${whole(figures.rssPeakBytes / MIB)} MiB`],
          ['requests per minute when idle', figures.idleRequestsPerMinute.toFixed(1)],
          ['CPU time per minute when idle', `${whole(figures.idleCpuMsPerMinute)} ms`],
          ['from SIGTERM until another operator leads', seconds(takeoverMs.stopped / 1_000)],
          ['from SIGKILL until another operator leads', seconds(takeoverMs.killed / 1_000)],
        ]
      : [['missing', missing]];
  return `## The operator

${objects.toLocaleString('en')} Senders and as many Templates of two locales in one namespace, without DNS checks and DKIM keys.

${table(['', 'one run'], lines)}`;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const whole = (value: number): string => Math.round(value).toString();
const range = ({ min, max }: Spread): string => `${whole(min)}–${whole(max)}`;
const ms = (figure: Spread | undefined): string =>
  figure === undefined
    ? ''
    : `${figure.median.toFixed(1)} (${figure.min.toFixed(1)}–${figure.max.toFixed(1)})`;

/** A Markdown table that is also readable as plain text. */
export function table(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = header.map((name, i) =>
    Math.max(3, name.length, ...lines.map((line) => line[i]?.length ?? 0)),
  );
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [row(header), row(widths.map((width) => '-'.repeat(width))), ...lines.map(row)].join('\n');
}
