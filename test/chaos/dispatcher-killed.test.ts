// Dispatchers die by SIGKILL: at each step of an SMTP transaction, and at any moment of a busy day.

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { limits } from '../../services/core/limits.ts';
import { describeWith } from '../support/describe-with.ts';
import type { Rule } from '../support/smtp-sink-rules.ts';
import { Load } from './load.ts';
import {
  allEnded,
  expectKept,
  figure,
  LAPSE_DELAY_MS,
  LEASE_MS,
  messages,
  openCluster,
  REPUBLISH_MS,
  rounds,
  secondsSince,
  timeLimit,
} from './stage.ts';

/** Steps before the final dot, where another try is always safe; `body` has too many bytes to be past the fence while the server does not read. */
const SAFE = ['mail', 'rcpt', 'data', 'body'] as const;
const PER_STEP = 3;
const HUGE_TEXT = 'A line of a very long letter, which fills every buffer on its way.\r\n'.repeat(250_000);

/** What is late beyond the times that are set: a sweep or two, a claim, a transaction. */
const SLACK_MS = 15_000;

const hangOnce = (at: (typeof SAFE)[number] | 'dot'): Rule => ({ at, to: `@${at}.example`, per: 'recipient', times: 1, hang: true });

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'dispatchers killed', () => {
  test(
    'before, during and after DATA',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1 });
      // MAIL names no recipient, so the first connections hang there
      await stage.sink.setRules([
        { at: 'mail', times: PER_STEP, hang: true },
        hangOnce('rcpt'),
        hangOnce('data'),
        hangOnce('body'),
        hangOnce('dot'),
      ]);
      const stuck: Load[] = [];
      for (const at of [...SAFE, 'dot'] as const) {
        const more = at === 'body' ? () => ({ text: HUGE_TEXT }) : undefined;
        const load = new Load(stage.door, { name: at, domain: `${at}.example`, messages: PER_STEP, ...(more && { more }) });
        await load.finished;
        await stage.sink.until(({ hanging }) => hanging[at] >= PER_STEP);
        stuck.push(load);
      }
      const load = new Load(stage.door, { messages, perSecond: 100 });
      await load.begun(messages / 4);
      const killedAt = performance.now();
      await Promise.all(stage.of('dispatcher').map((dispatcher) => dispatcher.kill()));
      await sleep(1_000);
      await Promise.all(stage.of('dispatcher').map((dispatcher) => dispatcher.restart()));
      await load.finished;
      const recoveredAt = await allEnded(stage, 60_000);

      const told = [...stuck.flatMap((s) => s.told), ...load.told];
      const judgement = await expectKept(stage, told, 2 * limits.deliveriesInFlightMax);
      const mails = await stage.sink.mails();
      const copiesAt = (at: string) => mails.filter((m) => m.headers['x-marker']?.[0]?.startsWith(`${at}-`)).length;
      const recipientsAt = (i: number) => stuck[i]?.told.flatMap((t) => t.recipients).length;
      for (const [i, at] of SAFE.entries()) expect(copiesAt(at), `copies of what hung at ${at}`).toBe(recipientsAt(i));
      figure('killed at each step', { ...judgement, recovered: secondsSince(killedAt, recoveredAt) });
    },
    timeLimit(120),
  );

  test(
    'at random moments under load',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1 });
      await stage.sink.setRules([{ at: 'dot', every: 2, delayMs: 150 }]);
      const load = new Load(stage.door, { messages, perSecond: 80 });
      let recoveredMs = 0;
      let kills = 0;
      let killedAt = 0;
      while (kills < rounds) {
        await sleep(randomInt(500, 2_500));
        const dispatcher = stage.of('dispatcher')[randomInt(2)];
        killedAt = performance.now();
        await dispatcher?.kill();
        kills += 1;
        await sleep(randomInt(500));
        await dispatcher?.restart();
      }
      await load.finished;
      recoveredMs = (await allEnded(stage, 60_000)) - killedAt;

      const judgement = await expectKept(stage, load.told, kills * limits.deliveriesInFlightMax);
      expect(load.troubles).toEqual([]);
      const loadMs = (messages / 80) * 1_000;
      expect(recoveredMs).toBeLessThan(loadMs + Math.max(LEASE_MS + LAPSE_DELAY_MS, REPUBLISH_MS) + SLACK_MS);
      figure('killed at random', { kills, ...judgement, 'last kill to the last end': secondsSince(0, recoveredMs) });
    },
    timeLimit(120),
  );
});
