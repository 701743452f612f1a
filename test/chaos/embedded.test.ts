// Everything in one process, killed under load and started again on the same folder: SQLite had it
// on disk before anybody was answered.

import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { dispatchLimits } from '../../services/core/limits/dispatch.ts';
import { Load } from './load.ts';
import {
  allEnded,
  expectKept,
  figure,
  messages,
  openEmbedded,
  rounds,
  secondsSince,
  timeLimit,
} from './stage.ts';

test(
  'embedded mode, killed under load, loses nothing that it acknowledged',
  async () => {
    await using stage = await openEmbedded();
    await stage.sink.setRules([{ at: 'dot', every: 2, delayMs: 150 }]);
    const load = new Load(stage.door, { messages, perSecond: 100 });
    let killedAt = 0;
    for (let round = 0; round < rounds; round += 1) {
      await sleep(randomInt(500, 2_000));
      killedAt = performance.now();
      await stage.program.kill();
      await stage.program.restart();
    }
    await load.finished;
    const endedAt = await allEnded(stage);

    const judgement = await expectKept(stage, load.told, rounds * dispatchLimits.deliveriesInFlightMax);
    expect(load.troubles.length).toBeGreaterThan(0);
    figure('embedded killed', judgement, {
      kills: rounds,
      'last kill to the last end': secondsSince(killedAt, endedAt),
    });
  },
  timeLimit(90),
);
