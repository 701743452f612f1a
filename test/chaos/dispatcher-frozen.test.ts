// A dispatcher is frozen (SIGSTOP) until its leases are over and others have done its work, and
// then wakes up with a server's answer in its hands.

import { expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, figure, messages, openCluster, secondsSince, timeLimit } from './stage.ts';

/**
 * Of three kinds, with the one recipient more of the first: all fit into the connections of one
 * route.
 */
const HELD = 5;

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'a dispatcher frozen beyond its lease', () => {
  test(
    'sends no final dot for what it lost before the fence, and changes nothing behind it',
    async () => {
      await using stage = await openCluster({ gateways: 1, ingests: 1, sweepers: 1 });
      const [frozen, other] = stage.of('dispatcher');
      if (frozen === undefined || other === undefined) throw new Error('two dispatchers are there');
      // only the one that will freeze is there to take these up
      await other.kill();
      await stage.sink.setRules([
        { at: 'data', to: '@data.example', per: 'recipient', times: 1, hang: true },
        { at: 'dot', to: '@dot.example', per: 'recipient', times: 1, hang: true },
      ]);
      const before = new Load(stage.door, { name: 'data', domain: 'data.example', messages: HELD });
      const behind = new Load(stage.door, {
        name: 'dot',
        domain: 'dot.example',
        messages: HELD,
        copies: 'at_least_once',
      });
      const once = new Load(stage.door, {
        name: 'once',
        domain: 'dot.example',
        messages: HELD,
        copies: 'at_most_once',
      });
      const held = [before, behind, once];
      await Promise.all(held.map((load) => load.finished));
      const recipients = (load: Load): number => load.told.flatMap((t) => t.recipients).length;
      await stage.sink.until(
        ({ hanging }) =>
          hanging.data === recipients(before) && hanging.dot === recipients(behind) + recipients(once),
      );

      frozen.pause();
      const frozenAt = performance.now();
      await other.restart();
      const load = new Load(stage.door, { messages, perSecond: 100 });
      await load.finished;
      const recoveredAt = await allEnded(stage);

      // its server says 354, or 250, at last
      const { reached } = await stage.sink.counts();
      await stage.sink.release();
      frozen.resume();
      await stage.sink.until(({ reached: now }) => now.body >= reached.body + recipients(before));
      expect(await frozen.stop()).toBe(0);

      const judgement = await expectKept(
        stage,
        [...held.flatMap((l) => l.told), ...load.told],
        recipients(behind) + recipients(once),
      );
      expect(judgement.doubles).toBe(recipients(behind));
      expect(judgement.ends.unknown).toBe(recipients(once));
      figure('frozen beyond the lease', judgement, { recovered: secondsSince(frozenAt, recoveredAt) });
    },
    timeLimit(150),
  );
});
