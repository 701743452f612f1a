// How large each process grows while messages of the largest size that is promised come in all at
// once.

import { type Contender, missing } from './contender.ts';
import { startHttpClient } from './http-client.ts';
import { named } from './rates.ts';
import { checkAccount } from './round.ts';
import { startSink } from './sink.ts';
import { usageOf } from './usage.ts';

const DELIVERED_WAIT_MS = 300_000;

export interface MemoryRow {
  readonly name: string;
  readonly missing: string | null;
  /** From the first byte sent to the last message delivered; null when it did not run. */
  readonly seconds: number | null;
  readonly refused: Readonly<Record<string, number>>;
  readonly parts: readonly { readonly name: string; readonly rssPeakBytes: number }[];
}

/** All of them under way at a time. */
export async function measureMemory(
  contenders: readonly Contender[],
  messages: number,
  say: (line: string) => void,
): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const contender of contenders) {
    const absent = missing(contender);
    const row: MemoryRow =
      absent === null
        ? await named(contender, memoryRound(contender, messages))
        : { name: contender.name, missing: absent, seconds: null, refused: {}, parts: [] };
    rows.push(row);
    const largest = Math.max(0, ...row.parts.map((part) => part.rssPeakBytes));
    say(`${contender.name}: largest process ${Math.round(largest / 1024 / 1024)} MiB`);
  }
  return rows;
}

async function memoryRound(contender: Contender, messages: number): Promise<MemoryRow> {
  await using sink = await startSink('disk');
  const accepted: string[] = [];
  const row = await measure();
  checkAccount(accepted, await sink.ids());
  return row;

  async function measure(): Promise<MemoryRow> {
    await using system = await contender.start(sink.port);
    if (system.door.kind !== 'http') throw new Error('has no HTTP door');
    await using client = await startHttpClient(system.door);
    const start = performance.now();
    const report = await client.ask({
      prefix: 'm',
      count: messages,
      isLarge: true,
      pace: { kind: 'asFastAsAnswered', inFlight: messages },
    });
    accepted.push(...report.accepted);
    await sink.reached(accepted.length, DELIVERED_WAIT_MS);
    const seconds = (performance.now() - start) / 1_000;
    const parts = usageOf(system.parts).map(({ rssPeakBytes }, i) => ({
      name: system.parts[i]?.name ?? '',
      rssPeakBytes,
    }));
    return { name: contender.name, missing: null, seconds, refused: report.refused, parts };
  }
}
