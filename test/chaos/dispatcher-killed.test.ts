// Dispatchers are killed with SIGKILL: at each step of an SMTP transaction, and at random moments
// under load.

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { dispatchLimits } from '../../services/core/limits/dispatch.ts';
import { describeWith } from '../support/describe-with.ts';
import type { Rule } from '../support/smtp-sink-rules.ts';
import { Load } from './load.ts';
import {
  allEnded,
  expectKept,
  figure,
  lastEnd,
  messages,
  openCluster,
  rounds,
  secondsSince,
  timeLimit,
} from './stage.ts';

/**
 * Steps before the final dot, where another try is always safe; `body` has too many bytes to be
 * past the fence while the server does not read.
 */
const SAFE = ['mail', 'rcpt', 'data', 'body'] as const;
/** With the one recipient more that each load has, fewer than the connections of one route. */
const PER_STEP = 2;
const HUGE_TEXT = 'A line of a very long letter, which fills every buffer on its way.\r\n'.repeat(250_000);

const hangOnce = (at: (typeof SAFE)[number] | 'dot'): Rule => ({
  at,
  to: `@${at}.example`,
  per: 'recipient',
  times: 1,
  hang: true,
});

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'dispatchers killed', () => {
  test(
    'before, during and after DATA',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1, sweepers: 1 });
      const [victim, other] = stage.of('dispatcher');
      if (victim === undefined || other === undefined) throw new Error('two dispatchers are there');
      // these messages must be claimed by the dispatcher that will be killed
      await other.kill();
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
        const load = new Load(stage.door, {
          name: at,
          domain: `${at}.example`,
          messages: PER_STEP,
          ...(more && { more }),
        });
        await load.finished;
        await stage.sink.until(({ hanging }) => hanging[at] >= PER_STEP);
        stuck.push(load);
      }
      await other.restart();
      const load = new Load(stage.door, { messages, perSecond: 100 });
      await load.begun(messages / 4);
      const killedAt = Date.now();
      await victim.kill();
      await load.finished;
      await allEnded(stage);

      const recoveredMs =
        (await lastEnd(
          stage,
          stuck.flatMap((s) => s.told),
        )) - killedAt;
      const told = [...stuck.flatMap((s) => s.told), ...load.told];
      const judgement = await expectKept(stage, told, dispatchLimits.deliveriesInFlightMax);
      const mails = await stage.sink.mails();
      const copiesAt = (at: string) =>
        mails.filter((m) => m.headers['x-marker']?.[0]?.startsWith(`${at}-`)).length;
      const recipientsAt = (i: number) => stuck[i]?.told.flatMap((t) => t.recipients).length;
      for (const [i, at] of SAFE.entries())
        expect(copiesAt(at), `copies of what hung at ${at}`).toBe(recipientsAt(i));
      figure('killed at each step', judgement, { recovered: secondsSince(0, recoveredMs) });
    },
    timeLimit(120),
  );

  test(
    'at random moments under load',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1, sweepers: 1 });
      await stage.sink.setRules([{ at: 'dot', every: 2, delayMs: 150 }]);
      const load = new Load(stage.door, { messages, perSecond: 80 });
      for (let kills = 0; kills < rounds; kills += 1) {
        await sleep(randomInt(500, 2_500));
        const dispatcher = stage.of('dispatcher')[randomInt(2)];
        await dispatcher?.kill();
        await sleep(randomInt(500));
        await dispatcher?.restart();
      }
      await load.finished;
      await allEnded(stage);

      const judgement = await expectKept(stage, load.told, rounds * dispatchLimits.deliveriesInFlightMax);
      expect(load.troubles).toEqual([]);
      figure('killed at random', judgement, { kills: rounds });
    },
    timeLimit(120),
  );
});
