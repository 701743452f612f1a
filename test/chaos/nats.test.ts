// The queue is lost: killed with all that it stored, away for a while, frozen. The store knows everything, so nobody who sends mail may notice.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, figure, messages, openCluster, REPUBLISH_MS, secondsSince, timeLimit } from './stage.ts';

const AWAY_MS = 4_000;
/** What comes on top of the time after which lost entries are published again: a sweep or two, and the deliveries themselves. */
const SLACK_MS = 20_000;

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'NATS', () => {
  test.each([
    ['its store erased', true],
    ['away for a while', false],
  ])(
    '%s under load: everything is accepted at once, and full flow is back within a minute',
    async (title, erase) => {
      await using stage = await openCluster({ gateways: 1 });
      const load = new Load(stage.door, { messages, perSecond: 80 });
      await load.begun(messages / 4);
      await stage.nats.kill();
      if (!erase) await sleep(AWAY_MS);
      await stage.nats.restart({ erase });
      const backAt = performance.now();
      const before = (await stage.sink.counts()).mails;
      await stage.sink.until(({ mails }) => mails > before, 60_000);
      const flowAt = performance.now();
      await load.begun((messages * 3) / 4);
      stage.nats.pause();
      await sleep(AWAY_MS);
      stage.nats.resume();
      const thawedAt = performance.now();
      await load.finished;
      const endedAt = await allEnded(stage, 60_000);

      const judgement = await expectKept(stage, load.told);
      expect(load.troubles).toEqual([]);
      expect(judgement.tries).toBe(judgement.deliveries);
      expect(endedAt - thawedAt).toBeLessThan((messages / 80) * 1_000 + REPUBLISH_MS + SLACK_MS);
      figure(`NATS, ${title}`, {
        ...judgement,
        'first mail after its return': secondsSince(backAt, flowAt),
        'thaw to the last end': secondsSince(thawedAt, endedAt),
      });
    },
    timeLimit(120),
  );
});
