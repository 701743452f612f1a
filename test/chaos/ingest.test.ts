// Ingest dies by SIGKILL at each step of accepting, and at any moment. Clients repeat what was not
// answered; nothing may be lost or become two.

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, figure, messages, openCluster, rounds, timeLimit } from './stage.ts';
import { mongoInsert, Tap } from './tap.ts';

const publish = { request: Buffer.from('PUB MAIL'), of: 'packetboat-ingest' };

/** In the order of an accept. `mongo` and `nats` name the wire that is tapped. */
const steps = [
  ['while content is stored', 'mongo', { request: mongoInsert('blobs.chunks'), hold: 'before' }],
  ['before the insert', 'mongo', { request: mongoInsert('messages'), hold: 'before' }],
  ['between the insert and its answer', 'mongo', { request: mongoInsert('messages'), hold: 'after' }],
  ['between the insert and the publish', 'nats', { ...publish, hold: 'before' }],
  ['between the publish and its answer', 'nats', { ...publish, hold: 'after' }],
] as const;

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'ingest killed', () => {
  test(
    'at each step of accept, and at random moments under load',
    async () => {
      const taps: Partial<Record<'mongo' | 'nats', Tap>> = {};
      await using open = new AsyncDisposableStack();
      const stage = open.use(
        await openCluster({
          gateways: 1,
          ingests: 1,
          dispatchers: 1,
          sweepers: 1,
          through: async (name, url) => {
            if (name === 'redis') return url;
            const tap = open.use(await Tap.open(url));
            taps[name] = tap;
            return tap.url;
          },
        }),
      );
      const [ingest] = stage.of('ingest');
      if (ingest === undefined) throw new Error('one ingest is there');
      const load = new Load(stage.door, { messages, perSecond: 60 });
      await load.begun(messages / 20);
      for (const [, wire, step] of steps) {
        await taps[wire]?.holdAt(step);
        await ingest.kill();
        await ingest.restart();
        await sleep(200);
      }
      for (let round = 0; round < rounds; round += 1) {
        await sleep(randomInt(200, 1_200));
        await ingest.kill();
        await ingest.restart();
      }
      await load.finished;
      await allEnded(stage);

      const judgement = await expectKept(stage, load.told);
      const replays = load.told.filter(({ answers }) =>
        answers.some((a) => a.kind === 'accepted' && a.isReplay),
      ).length;
      // what was stored and not answered is found again under its key
      expect(replays).toBeGreaterThanOrEqual(2);
      expect(judgement.tries).toBe(judgement.deliveries);
      figure('ingest killed', judgement, {
        kills: steps.length + rounds,
        troubles: load.troubles.length,
        replays,
      });
    },
    timeLimit(120),
  );
});
