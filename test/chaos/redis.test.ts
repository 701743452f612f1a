// The budgets are lost: frozen, killed, flushed. They only pace; losing them may make nothing fail
// and nothing be sent twice.

import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, figure, messages, openCluster, timeLimit } from './stage.ts';

const AWAY_MS = 2_500;

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'Redis', () => {
  test(
    'frozen, killed and flushed under load: everything is accepted at once and sent once',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1, sweepers: 1 });
      const load = new Load(stage.door, { messages, perSecond: 80 });
      await load.begun(messages / 5);
      stage.redis.pause();
      await sleep(AWAY_MS);
      stage.redis.resume();

      await load.begun((messages * 2) / 5);
      await stage.redis.kill();
      await sleep(AWAY_MS);
      await stage.redis.restart({ erase: true });

      await load.begun((messages * 3) / 5);
      const redis = new Redis(stage.redis.url);
      await redis.flushall();
      redis.disconnect();
      await load.finished;
      await allEnded(stage);

      const judgement = await expectKept(stage, load.told);
      expect(load.troubles).toEqual([]);
      expect(judgement.tries).toBe(judgement.deliveries);
      figure('Redis', judgement);
    },
    timeLimit(90),
  );
});
