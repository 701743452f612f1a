// One row's part in one round: started fresh, warmed up, measured from the first message handed
// over to the last one delivered, stopped, and its account checked: the sink must have got exactly
// what was accepted, each once.

import { loadavg } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Contender, ContenderDoor } from './contender.ts';
import { startHttpClient } from './http-client.ts';
import type { MailBatch } from './mail.ts';
import { startSink } from './sink.ts';
import { machineCpuMs, usageOf } from './usage.ts';

/** HTTP requests under way at a time. */
const IN_FLIGHT = 64;
const DELIVERED_WAIT_MS = 180_000;
/** What a system does behind the last dot (records, acks, removals) belongs to its cost. */
const SETTLE_MS = 300;

export interface RoundOptions {
  readonly messages: number;
  /** Sent before, so that code is compiled, connections are open and caches are filled. */
  readonly warmUp: number;
}

export interface PartUsage {
  readonly name: string;
  readonly cpuUsPerMessage: number;
  readonly rssPeakBytes: number;
}

export interface Round {
  /** Accepted → delivered. */
  readonly perSecond: number;
  /** Until the last one was accepted. */
  readonly acceptedPerSecond: number;
  readonly parts: readonly PartUsage[];
  /** Cores that were busy with neither the system, nor the client, nor the sink, nor the bench. */
  readonly otherCores: number;
  /** Of the minute before. */
  readonly loadBefore: number;
}

export async function runRound(contender: Contender, { messages, warmUp }: RoundOptions): Promise<Round> {
  const loadBefore = loadavg()[0] ?? 0;
  await using sink = await startSink();
  const accepted: string[] = [];
  const round = await measure();
  checkAccount(accepted, await sink.ids());
  return round;

  async function measure(): Promise<Round> {
    await using system = await contender.start(sink.port);
    await using sender = await openDoor(system.door);
    accepted.push(...(await sender.send({ prefix: 'w', count: warmUp })));
    await sink.reached(warmUp, DELIVERED_WAIT_MS);

    const before = usageOf(system.parts);
    const strangersBefore = strangersCpuMs();
    const start = performance.now();
    accepted.push(...(await sender.send({ prefix: 'm', count: messages })));
    const acceptedMs = performance.now() - start;
    await sink.reached(warmUp + messages, DELIVERED_WAIT_MS);
    const deliveredMs = performance.now() - start;
    await setTimeout(SETTLE_MS);
    const after = usageOf(system.parts);
    const strangersMs = strangersCpuMs() - strangersBefore;

    return {
      perSecond: (messages / deliveredMs) * 1_000,
      acceptedPerSecond: (messages / acceptedMs) * 1_000,
      parts: system.parts.map(({ name }, i) => ({
        name,
        cpuUsPerMessage: (((after[i]?.cpuMs ?? 0) - (before[i]?.cpuMs ?? 0)) * 1_000) / messages,
        rssPeakBytes: after[i]?.rssPeakBytes ?? 0,
      })),
      otherCores: Math.max(0, strangersMs / (deliveredMs + SETTLE_MS)),
      loadBefore,
    };
  }
}

interface Sender extends AsyncDisposable {
  send(batch: MailBatch): Promise<readonly string[]>;
}

async function openDoor(door: ContenderDoor): Promise<Sender> {
  if (door.kind === 'direct') return { send: door.send, async [Symbol.asyncDispose]() {} };
  const client = await startHttpClient(door);
  return {
    async send(batch) {
      const { accepted, refused } = await client.ask({
        ...batch,
        pace: { kind: 'asFastAsAnswered', inFlight: IN_FLIGHT },
      });
      if (Object.keys(refused).length > 0) throw new Error(`refused, by status: ${JSON.stringify(refused)}`);
      return accepted;
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** System, client and sink all descend from this process. */
const strangersCpuMs = (): number =>
  machineCpuMs() - (usageOf([{ name: 'bench', pid: process.pid }])[0]?.cpuMs ?? 0);

/** Throws unless both are the same ids, each once. */
export function checkAccount(accepted: readonly string[], received: readonly string[]): void {
  const [told, came] = [new Set(accepted), new Set(received)];
  const lost = [...told].filter((id) => !came.has(id)).length;
  const foreign = [...came].filter((id) => !told.has(id)).length;
  const doubled = received.length - came.size;
  if (lost + foreign + doubled > 0 || told.size !== accepted.length) {
    throw new Error(
      `of ${accepted.length} accepted, ${lost} did not arrive, ${doubled} came twice; ${foreign} came unasked`,
    );
  }
}
