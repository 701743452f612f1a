// Two sweepers look at the same mail. One is frozen in the middle of its work and wakes up with
// decisions that are old; the other is killed.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, figure, messages, openCluster, rounds, timeLimit } from './stage.ts';

/**
 * How long mail waits: longer than it takes to hand it over, so that all of it falls due while
 * sweepers come and go.
 */
const AHEAD_MS = 15_000;
const AWAY_MS = 1_500;

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'two sweepers', () => {
  test(
    'frozen and killed in turn: all that falls due is sent, once, and not before its time',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1, dispatchers: 1 });
      const [first, second] = stage.of('sweeper');
      if (first === undefined || second === undefined) throw new Error('two sweepers are there');
      const startsAt = Date.now() + AHEAD_MS;
      const spreadMs = 10_000;
      const scheduledAt = (i: number): number => startsAt + (i * spreadMs) / messages;
      const more = (i: number) => ({ scheduled_time: new Date(scheduledAt(i)).toISOString() });
      const load = new Load(stage.door, { messages, perSecond: 150, more });
      await load.finished;
      const expectNoneEarly = async (): Promise<void> => {
        const { mails } = await stage.sink.counts();
        const now = Date.now();
        const due = load.told.filter(({ marker }) => scheduledAt(Number(marker.replace('load-', ''))) <= now);
        expect(mails, 'mails sent by now').toBeLessThanOrEqual(due.flatMap((t) => t.recipients).length);
      };
      await expectNoneEarly();
      await sleep(Math.max(0, startsAt - Date.now()));
      for (let round = 0; round < rounds; round += 1) {
        first.pause();
        await sleep(AWAY_MS);
        await second.kill();
        first.resume();
        await second.restart();
        await expectNoneEarly();
      }
      await allEnded(stage);

      const judgement = await expectKept(stage, load.told);
      expect(load.troubles).toEqual([]);
      expect(judgement.tries).toBe(judgement.deliveries);
      figure('two sweepers', judgement);
    },
    timeLimit(90),
  );
});
