// Embedded mode, killed under load and started again on the same folder. SQLite has each message on
// disk before the caller gets its response, and a start continues all mail of the previous process
// at once.

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

const KILLS = 5;
const LOAD = 300;
/** From the last start to the last delivery. The leases and entries of dead processes last 60 s. */
const CONTINUED_MS = 10_000;

test(
  'embedded mode, killed five times under load, has sent all of its mail 10 s after the last start',
  async () => {
    await using stage = await openEmbedded({ times: 'production' });
    // some mail is in hand at each kill; neither the sink nor the rate of the sender holds mail back
    await stage.sink.setRules([{ at: 'dot', every: 2, delayMs: 40 }]);
    const load = new Load(stage.door, { messages: LOAD, perSecond: 40 });
    for (let kill = 1; kill <= KILLS; kill += 1) {
      await load.begun((LOAD * kill) / KILLS);
      await stage.program.kill();
      await stage.program.restart();
    }
    const startedAt = performance.now();
    await load.finished;
    const endedAt = await allEnded(stage);

    const judgement = await expectKept(stage, load.told, KILLS * dispatchLimits.deliveriesInFlightMax);
    expect(load.troubles.length).toBeGreaterThan(0);
    figure('embedded killed, default times', judgement, {
      kills: KILLS,
      'last start to the last end': secondsSince(startedAt, endedAt),
    });
    expect(endedAt - startedAt).toBeLessThan(CONTINUED_MS);
  },
  timeLimit(90),
);
