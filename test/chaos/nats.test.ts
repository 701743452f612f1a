// The queue is lost: killed with all that it stored, frozen, away for a while together with the
// budgets. The store knows everything, so senders of mail must not notice, and mail is still
// delivered.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { Load } from './load.ts';
import {
  allEnded,
  expectKept,
  figure,
  messages,
  openCluster,
  REPUBLISH_MS,
  secondsSince,
  timeLimit,
  untilLost,
} from './stage.ts';

const AWAY_MS = 3_000;
const PER_SECOND = 60;
/**
 * What comes on top of the time after which lost entries are published again: a sweep or two, and
 * the deliveries themselves.
 */
const SLACK_MS = 20_000;

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'NATS', () => {
  test(
    'its store erased, frozen, and away together with Redis, under load: everything is accepted at once, and full flow comes back',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1 });
      const load = new Load(stage.door, { messages, perSecond: PER_SECOND });
      await load.begun(messages / 5);
      await stage.nats.restart({ erase: true });
      const erasedAt = performance.now();
      const { mails: before } = await stage.sink.counts();
      await stage.sink.until(({ mails }) => mails > before, 60_000);
      const flowAt = performance.now();

      await load.begun((messages * 2) / 5);
      stage.nats.pause();
      await sleep(AWAY_MS);
      stage.nats.resume();

      await load.begun((messages * 3) / 5);
      await Promise.all([stage.nats.kill(), stage.redis.kill()]);
      await untilLost(stage.of('dispatcher'), ['budgets', 'queue']);
      await Promise.all([stage.nats.restart(), stage.redis.restart()]);
      const backAt = performance.now();
      await load.finished;
      const endedAt = await allEnded(stage);

      const judgement = await expectKept(stage, load.told);
      expect(load.troubles).toEqual([]);
      expect(judgement.tries).toBe(judgement.deliveries);
      expect(endedAt - backAt).toBeLessThan((messages / PER_SECOND) * 1_000 + REPUBLISH_MS + SLACK_MS);
      figure('NATS', judgement, {
        'first mail after the erased one is back': secondsSince(erasedAt, flowAt),
        'both back to the last end': secondsSince(backAt, endedAt),
      });
    },
    timeLimit(90),
  );
});
