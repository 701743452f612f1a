// `make bench-quick`: the rate of embedded mode compared with BullMQ + nodemailer and with Postfix,
// in at most 90 s. It prints the ratios and writes nothing; `make bench` writes the page.

import { embedded } from './packetboat.ts';
import { bullMq } from './peers/bullmq.ts';
import { postfix } from './peers/postfix.ts';
import { measureRates, type RateRow } from './rates.ts';
import { table } from './report.ts';
import { type Spread, spread } from './statistics.ts';

/** A round of all three takes about 15 s on two idle cores. */
const OPTIONS = { rounds: 4, messages: 2_000, warmUp: 500, withinMs: 85_000 };

async function compare(): Promise<void> {
  const [ours, ...peers] = await measureRates([embedded, bullMq, postfix], OPTIONS, (line) =>
    console.error(line),
  );
  if (ours === undefined) return;
  const lines = [ours, ...peers].map((row) => {
    if (row.missing !== null) return [row.name, `missing (${row.missing})`, '', '', ''];
    const rates = spread(ratesOf(row));
    const cpu = spread(
      row.rounds.map(({ parts }) => parts.reduce((sum, { cpuUsPerMessage }) => sum + cpuUsPerMessage, 0)),
    );
    // of the same round, since the load of the machine changes from round to round
    const ratios = spread(ratesOf(row).map((rate, round) => (ratesOf(ours)[round] ?? 0) / rate));
    return [row.name, shown(rates, 0), shown(ratios, 2), cpu.median.toFixed(0), otherCores(row)];
  });
  const header = ['', 'messages/s', 'embedded is, times', 'CPU µs/message', 'other load, cores'];
  console.log(
    `\n${ours.rounds.length} rounds of ${OPTIONS.messages} messages; median and range\n\n${table(header, lines)}`,
  );
}

const ratesOf = ({ rounds }: RateRow): number[] => rounds.map(({ perSecond }) => perSecond);
const otherCores = ({ rounds }: RateRow): string =>
  spread(rounds.map((round) => round.otherCores)).median.toFixed(2);
const shown = ({ median, min, max }: Spread, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

if (process.platform === 'linux') await compare();
else {
  console.error('The benchmark needs Linux: it reads the cost of processes from /proc.');
  process.exitCode = 1;
}
