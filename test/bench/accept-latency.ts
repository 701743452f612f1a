// Measures the latency of accepting while the system delivers earlier messages. Requests start at
// fixed times (open loop), however slow the responses are; latency counts from the planned time.

import { type Contender, missing } from './contender.ts';
import { startHttpClient } from './http-client.ts';
import { named, rotated } from './rates.ts';
import { checkAccount } from './round.ts';
import { startSink } from './sink.ts';

const WARM_UP = 1_000;
const WARM_UP_IN_FLIGHT = 16;
const DELIVERED_WAIT_MS = 120_000;

export interface LatencyOptions {
  readonly rounds: number;
  readonly perSecond: number;
  readonly seconds: number;
}

export interface LatencyRound {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Number of responses by status, except 2xx. */
  readonly refused: Readonly<Record<string, number>>;
}

export interface LatencyRow {
  readonly name: string;
  readonly missing: string | null;
  readonly rounds: readonly LatencyRound[];
}

/** Of the contenders that are spoken to over HTTP. */
export async function measureLatency(
  contenders: readonly Contender[],
  options: LatencyOptions,
  say: (line: string) => void,
): Promise<LatencyRow[]> {
  const runnable = contenders.filter((contender) => missing(contender) === null);
  const rounds = new Map<Contender, LatencyRound[]>(runnable.map((contender) => [contender, []]));
  for (let number = 0; number < options.rounds; number += 1) {
    for (const contender of rotated(runnable, number)) {
      const round = await named(contender, latencyRound(contender, options));
      rounds.get(contender)?.push(round);
      say(`round ${number + 1} of ${options.rounds}: ${contender.name} p99 ${round.p99Ms.toFixed(1)} ms`);
    }
  }
  return contenders.map((contender) => ({
    name: contender.name,
    missing: missing(contender),
    rounds: rounds.get(contender) ?? [],
  }));
}

async function latencyRound(
  contender: Contender,
  { perSecond, seconds }: LatencyOptions,
): Promise<LatencyRound> {
  await using sink = await startSink();
  const accepted: string[] = [];
  const round = await measure();
  checkAccount(accepted, await sink.ids());
  return round;

  async function measure(): Promise<LatencyRound> {
    await using system = await contender.start(sink.port);
    if (system.door.kind !== 'http') throw new Error('has no HTTP door');
    await using client = await startHttpClient(system.door);
    const warm = await client.ask({
      prefix: 'w',
      count: WARM_UP,
      pace: { kind: 'asFastAsAnswered', inFlight: WARM_UP_IN_FLIGHT },
    });
    await sink.reached(warm.accepted.length, DELIVERED_WAIT_MS);
    const report = await client.ask({
      prefix: 'm',
      count: perSecond * seconds,
      pace: { kind: 'atTimes', perSecond },
    });
    accepted.push(...warm.accepted, ...report.accepted);
    await sink.reached(accepted.length, DELIVERED_WAIT_MS);
    const { p50Ms, p99Ms, maxMs, refused } = report;
    return { p50Ms, p99Ms, maxMs, refused };
  }
}
