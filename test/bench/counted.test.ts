// What 1,000 messages in fixed bursts of 50 cost, counted instead of timed: a change that makes the
// programs do more work fails here on any machine. A change that makes them do less renews the
// table.

import { setTimeout } from 'node:timers/promises';
import { connect } from 'nats';
import { describe, expect, onTestFinished, test } from 'vitest';
import { queueNames } from '../../services/runtime/program.ts';
import { borrow, describeWith } from '../support/describe-with.ts';
import { startHttpClient } from './http-client.ts';
import { type ProgramOptions, type RunningPrograms, startClusterOver, startEmbedded } from './packetboat.ts';
import { openProbes, type Probes } from './probe/probes.ts';
import { table } from './report.ts';
import { startSink } from './sink.ts';

/**
 * A figure that depends on how requests and replies fall into batches has an upper bound: at least
 * a fifth more than the largest count while four other processes kept both cores busy. What a
 * program does by time, as the sweeper does, is not in the table.
 */
type Expected = { readonly exactly: number } | { readonly atMost: number };

/** A figure, the counts of the probes that it adds up, and why a message costs that much. */
type Row = readonly [figure: string, counts: RegExp, expected: Expected, why: string];

const embeddedRows: readonly Row[] = [
  ['message rows', /^dev statement INSERT message$/, { exactly: 1_000 }, 'one for each message'],
  ['delivery rows', /^dev statement INSERT delivery$/, { exactly: 1_000 }, 'one for each recipient'],
  ['delivery changes', /^dev statement UPDATE delivery$/, { exactly: 3_000 }, 'claim, fence, outcome'],
  ['event rows', /^dev statement INSERT event$/, { exactly: 3_000 }, 'queued, accepted, delivered'],
  [
    'other changes',
    /^dev statement \w+ (?!(?:message|delivery|event)$)\w+$/,
    { atMost: 170 },
    'two for each batch of messages that is read, and health',
  ],
  [
    'reads',
    /^dev statement SELECT$/,
    { atMost: 480 },
    'four for each batch that is read, and one for its suppressions',
  ],
  [
    'groups',
    /^dev exec BEGIN$/,
    { atMost: 600 },
    'transactions: the jobs that wait when the one before is durable',
  ],
  ['thread crossings', /^dev post$/, { atMost: 1_250 }, 'two for each group, and one a second for health'],
  [
    'writes of the main thread',
    /^dev main write$/,
    { atMost: 4_300 },
    'a response, two writes of SMTP, and wake-ups of the thread',
  ],
  ['timers', /^dev timer$/, { atMost: 1_400 }, 'one for each attempt'],
];

const clusterRows: readonly Row[] = [
  ['message documents', /^ingest documents insert messages$/, { exactly: 1_000 }, 'one for each message'],
  ['document updates', /^dispatcher documents update messages$/, { exactly: 3_000 }, 'claim, fence, outcome'],
  ['JetStream messages', /^nats published$/, { exactly: 1_000 }, 'one entry for each delivery'],
  ['JetStream redeliveries', /^nats redelivered$/, { exactly: 0 }, 'each entry is acknowledged at once'],
  [
    'inserts of ingest',
    /^ingest command insert messages$/,
    { atMost: 80 },
    'one for each bulk; a burst comes in two or three',
  ],
  [
    'other commands of ingest',
    /^ingest command (?!insert messages$)/,
    { atMost: 130 },
    'one for the suppressions of each batch; the backlogs and the key at regular intervals',
  ],
  [
    'updates of the dispatcher',
    /^dispatcher command update messages$/,
    { atMost: 420 },
    'bulks of claims, fences and outcomes',
  ],
  [
    'other commands of the dispatcher',
    /^dispatcher command (?!update messages$)/,
    { atMost: 170 },
    'messages and suppressions, once for each batch',
  ],
  [
    'writes of the gateway',
    /^gateway main write$/,
    { atMost: 3_000 },
    'a response, and one call to ingest for each turn of the event loop',
  ],
  [
    'writes of ingest',
    /^ingest main write$/,
    { atMost: 5_500 },
    'commands, entries in at most one write each, and replies',
  ],
  [
    'writes of the dispatcher',
    /^dispatcher main write$/,
    { atMost: 3_600 },
    'two of SMTP for each mail, commands and acks',
  ],
  ['timers of the gateway', /^gateway timer$/, { atMost: 1_400 }, 'one for each request'],
  [
    'timers of ingest',
    /^ingest timer$/,
    { atMost: 1_700 },
    'one for each publish, and for each call of the store',
  ],
  [
    'timers of the dispatcher',
    /^dispatcher timer$/,
    { atMost: 4_600 },
    'one for each attempt, and for each call of the store',
  ],
];

const MESSAGES = 1_000;
const MESSAGES_PER_BURST = 50;
/** They open connections, prepare statements and fill caches. */
const WARM_UP_BURSTS = 2;
const WAIT_MS = 10_000;
const POLL_MS = 50;

/**
 * A lease is renewed after a third of its length, and an entry is published again after a minute,
 * which are changes by time.
 */
const ENV = { PACKETBOAT_LEASE_SECONDS: '600', PACKETBOAT_REPUBLISH_SECONDS: '600' };

type Counts = Readonly<Record<string, number>>;
const NOTHING: Counts = {};

/** It takes 9 s on two idle cores. */
const TEST_MS = 120_000;

describe.skipIf(process.platform !== 'linux')('1,000 messages in bursts of 50', { timeout: TEST_MS }, () => {
  describeWith(['smtp-sink'], 'embedded', () => {
    test('cost what the table says', async () => {
      expectRows(embeddedRows, await measure(embeddedRows, startEmbedded, async () => ({})));
    });
  });

  describeWith(['smtp-sink', 'mongo-server', 'nats-server', 'redis-server'], 'in a cluster', () => {
    test('cost what the table says', async () => {
      const [mongo, nats, redis] = await Promise.all([borrow('mongo'), borrow('nats'), borrow('redis')]);
      const backends = { mongo: mongo.url, nats: nats.url, redis: redis.url };
      const connection = await connect({ servers: nats.url });
      onTestFinished(() => connection.close());
      const manager = await connection.jetstreamManager();
      const counts = await measure(
        clusterRows,
        (options) => startClusterOver(backends, options),
        async ({ installation: { env } }) => {
          const { stream } = queueNames({ installation: env.PACKETBOAT_INSTALLATION ?? '' });
          const { state } = await manager.streams.info(stream);
          const consumers = await manager.consumers.list(stream).next();
          const redelivered = consumers.reduce((sum, { num_redelivered }) => sum + num_redelivered, 0);
          return { 'nats published': state.last_seq, 'nats redelivered': redelivered };
        },
      );
      expectRows(clusterRows, counts);
    });
  });
});

/**
 * Starts the programs, sends the bursts, and returns what they have cost once each exact figure is
 * reached. `countMore` counts what the probes do not see.
 */
async function measure(
  rows: readonly Row[],
  start: (options: ProgramOptions) => Promise<RunningPrograms>,
  countMore: (programs: RunningPrograms) => Promise<Counts>,
): Promise<Counts> {
  await using probes = await openProbes(true);
  await using sink = await startSink();
  await using programs = await start({ sinkPort: sink.port, env: { ...ENV, ...probes.env } });
  if (programs.door.kind !== 'http') throw new Error('the programs take messages over HTTP');
  await using client = await startHttpClient(programs.door);

  let sent = 0;
  const send = async (): Promise<void> => {
    const { accepted } = await client.ask({
      prefix: `after-${sent}`,
      count: MESSAGES_PER_BURST,
      pace: { kind: 'asFastAsAnswered', inFlight: MESSAGES_PER_BURST },
    });
    expect(accepted).toHaveLength(MESSAGES_PER_BURST);
    sent += MESSAGES_PER_BURST;
    await sink.reached(sent, WAIT_MS);
  };
  const count = async (): Promise<Counts> => {
    const [ours, more] = await Promise.all([countsOf(probes, programs), countMore(programs)]);
    return { ...ours, ...more };
  };
  // the last outcomes are recorded after the sink has the mail
  const countOnceRecorded = async (since: Counts): Promise<Counts> => {
    for (const giveUpAt = performance.now() + WAIT_MS; ; await setTimeout(POLL_MS)) {
      const cost = difference(await count(), since);
      const share = since === NOTHING ? (WARM_UP_BURSTS * MESSAGES_PER_BURST) / MESSAGES : 1;
      const isReached = rows.every(
        ([, of, expected]) => !('exactly' in expected) || total(cost, of) >= expected.exactly * share,
      );
      if (isReached || performance.now() > giveUpAt) return cost;
    }
  };

  for (let burst = 0; burst < WARM_UP_BURSTS; burst += 1) await send();
  const before = await countOnceRecorded(NOTHING);
  for (let burst = 0; burst < MESSAGES / MESSAGES_PER_BURST; burst += 1) await send();
  return await countOnceRecorded(before);
}

/** By program and thread: `dev statement UPDATE delivery`, `dev main write`. */
async function countsOf(probes: Probes, { parts }: RunningPrograms): Promise<Counts> {
  const counts: Record<string, number> = {};
  for (const { program, thread, answer } of await probes.ask(parts, 'counts')) {
    if (answer.kind !== 'counts') throw new Error('a probe gave the answer to another question');
    for (const [what, times] of Object.entries(answer.counts)) {
      const place = what === 'write' ? `${program} ${thread === 0 ? 'main' : 'other'}` : program;
      counts[`${place} ${what}`] = (counts[`${place} ${what}`] ?? 0) + times;
    }
  }
  return counts;
}

const difference = (counts: Counts, since: Counts): Counts =>
  Object.fromEntries(Object.entries(counts).map(([what, times]) => [what, times - (since[what] ?? 0)]));

const total = (counts: Counts, of: RegExp): number =>
  Object.entries(counts).reduce((sum, [what, times]) => (of.test(what) ? sum + times : sum), 0);

/** Fails with the table of all figures, and with each count that they come from. */
function expectRows(rows: readonly Row[], counts: Counts): void {
  const lines = rows.map(([figure, of, expected, why]) => {
    const counted = total(counts, of);
    const isMet = 'exactly' in expected ? counted === expected.exactly : counted <= expected.atMost;
    const wanted = 'exactly' in expected ? `${expected.exactly}` : `≤ ${expected.atMost}`;
    return { isMet, cells: [isMet ? '' : '✗', figure, String(counted), wanted, why] };
  });
  const failed = lines.filter(({ isMet }) => !isMet).map(({ cells }) => cells[1]);
  const report = table(
    ['', 'figure', 'counted', 'expected', 'why'],
    lines.map(({ cells }) => cells),
  );
  const details = Object.entries(counts)
    .filter(([, times]) => times !== 0)
    .map(([what, times]) => `${what}: ${times}`)
    .sort();
  if (process.env.COUNTED_SHOW !== undefined) console.log(report);
  expect(failed, `${report}\n\n${details.join('\n')}`).toEqual([]);
}
