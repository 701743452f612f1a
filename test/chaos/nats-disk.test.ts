// The disk of NATS is full: senders of mail do not notice, and mail is sent once NATS works again.

import { expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { mountSmallDisk } from '../support/small-disk.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, figure, messages, openCluster, timeLimit } from './stage.ts';

const MEGABYTES = 64;
const REQUESTS = Math.min(messages, 200);

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'NATS on a full disk', () => {
  test(
    'every request is accepted at the first attempt, and every mail is sent afterwards',
    async () => {
      await using disk = await mountSmallDisk(MEGABYTES);
      await using stage = await openCluster({
        ...{ gateways: 1, ingests: 1, dispatchers: 1, sweepers: 1, natsStore: disk.path },
      });
      const load = new Load(stage.door, { messages: REQUESTS, perSecond: 40 });
      await load.begun(40);
      disk.fill();
      await load.begun(120);
      disk.free();
      // NATS turns its store off when a write fails, until it is started again
      await stage.nats.restart();
      await load.finished;
      await allEnded(stage);
      const judgement = await expectKept(stage, load.told);
      expect(load.troubles).toEqual([]);
      expect(judgement.tries).toBe(judgement.deliveries);
      figure('NATS on a full disk', judgement);
    },
    timeLimit(60),
  );
});
