// Measures the cost of a delivery with a large and with a small backlog, and the time of a start.
// Embedded mode only.
//
// The backlog is written straight into the store, as a flood that was accepted faster than it could
// leave: queued, due, never published, all of one tenant and tier. Then the program starts
// and delivers. The bench measures its CPU time between two counts at the sink. Nothing is accepted
// meanwhile, so this is the cost of feeding, claiming, composing, sending and recording. The mails
// are short, so that a million fit a small disk.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../services/adapters/system/clock.ts';
import { SystemRandom } from '../../services/adapters/system/random.ts';
import { openStores } from '../../services/embedded/stores.ts';
import { address, sampleMessage } from '../contract/sample-message.ts';
import { FROM, recipientOf } from './mail.ts';
import { startEmbedded } from './packetboat.ts';
import { startSink } from './sink.ts';
import { usageOf } from './usage.ts';

const DELIVERED_WAIT_MS = 120_000;
const INSERT_BATCH = 2_000;
/** Delivered before the measurement begins. */
const WARM_UP = 1_000;

export interface BacklogOptions {
  readonly rounds: number;
  readonly large: number;
  readonly small: number;
  /**
   * Deliveries measured in each round; with the warm-up and what is delivered behind it, less than
   * the small backlog.
   */
  readonly deliveries: number;
}

export interface BacklogRound {
  readonly startMs: number;
  readonly cpuUsPerDelivery: number;
  readonly perSecond: number;
}

export interface BacklogRow {
  readonly queued: number;
  readonly rounds: readonly BacklogRound[];
}

export async function measureBacklog(
  options: BacklogOptions,
  say: (line: string) => void,
): Promise<BacklogRow[]> {
  await using folders = new AsyncDisposableStack();
  const folder = async () => {
    const path = await mkdtemp(join(tmpdir(), 'packetboat-bench-backlog-'));
    folders.defer(() => rm(path, { recursive: true, force: true }));
    return path;
  };
  const large = await folder();
  say(`queueing ${options.large}`);
  await queue(large, options.large);

  const rows = [
    { queued: options.small, rounds: [] as BacklogRound[] },
    { queued: options.large, rounds: [] as BacklogRound[] },
  ];
  // a round takes some thousands off the large backlog, which is nothing, and most of the small
  // one, which is made anew
  for (let number = 0; number < options.rounds; number += 1) {
    for (const { queued, rounds } of rows) {
      const dataDir = queued === options.large ? large : await folder();
      if (dataDir !== large) await queue(dataDir, queued);
      const round = await drain(dataDir, options.deliveries);
      rounds.push(round);
      say(
        `round ${number + 1} of ${options.rounds}: ${queued} queued, ${Math.round(round.cpuUsPerDelivery)} µs a delivery, start ${Math.round(round.startMs)} ms`,
      );
    }
  }
  return rows;
}

async function queue(dataDir: string, count: number): Promise<void> {
  await using open = new AsyncDisposableStack();
  const { messages } = await openStores(open, {
    dataDir,
    keyringFile: null,
    clock: systemClock,
    random: new SystemRandom(),
  });
  for (let first = 0; first < count; first += INSERT_BATCH) {
    const createdAt = messages.now();
    const batch = Array.from({ length: Math.min(INSERT_BATCH, count - first) }, (_, i) => {
      const to = recipientOf(`b-${first + i}`);
      return sampleMessage({
        createdAt,
        sender: 'bench',
        from: { name: null, address: address(FROM) },
        to: [{ name: null, address: address(to) }],
        deliveries: [{ to }],
      });
    });
    await messages.insert(batch);
  }
}

async function drain(dataDir: string, deliveries: number): Promise<BacklogRound> {
  await using sink = await startSink();
  const round = await measure();
  const received = await sink.ids();
  if (new Set(received).size !== received.length) throw new Error('a delivery of the backlog came twice');
  return round;

  async function measure(): Promise<BacklogRound> {
    await using system = await startEmbedded({ sinkPort: sink.port, dataDir });
    await sink.reached(WARM_UP, DELIVERED_WAIT_MS);
    const [firstCount, firstMs, before] = [sink.count(), performance.now(), usageOf(system.parts)];
    await sink.reached(firstCount + deliveries, DELIVERED_WAIT_MS);
    const [lastCount, lastMs, after] = [sink.count(), performance.now(), usageOf(system.parts)];
    const delivered = lastCount - firstCount;
    return {
      startMs: system.startMs,
      cpuUsPerDelivery: (((after[0]?.cpuMs ?? 0) - (before[0]?.cpuMs ?? 0)) * 1_000) / delivered,
      perSecond: (delivered / (lastMs - firstMs)) * 1_000,
    };
  }
}
