// SIGTERM under load (P19): one program after the other is asked to end while work comes in, and
// started again.

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runningLimits } from '../../services/core/limits/running.ts';
import { describeWith } from '../support/describe-with.ts';
import type { PacketboatProgram, Role } from '../support/installation.ts';
import { isAccepted } from './ledger.ts';
import { Load } from './load.ts';
import {
  allEnded,
  expectKept,
  figure,
  messages,
  openCluster,
  rounds,
  secondsSince,
  timeLimit,
} from './stage.ts';

const roles: readonly Role[] = ['gateway', 'ingest', 'dispatcher', 'sweeper'];

/** SIGTERM, and how long it took to end by itself, with code 0. */
async function terminate(program: PacketboatProgram): Promise<number> {
  const askedAt = performance.now();
  const { pid } = program;
  if (pid !== undefined) process.kill(pid, 'SIGTERM');
  while (program.pid !== undefined && performance.now() - askedAt < runningLimits.shutdownGraceMs)
    await sleep(10);
  const ms = performance.now() - askedAt;
  expect(program.pid, `${program.role} runs on`).toBeUndefined();
  expect(await program.stop(), `exit code of ${program.role}`).toBe(0);
  return ms;
}

describeWith(['mongo-server', 'nats-server', 'redis-server'], 'a rolling restart under load', () => {
  test(
    'loses no request, tears no accepted one, and spends no try',
    async () => {
      await using stage = await openCluster();
      // servers that answer late, and some that never do: what hangs when the grace period ends
      // goes back to the queue
      await stage.sink.setRules([
        { at: 'rcpt', to: '@never.example', per: 'recipient', times: 1, hang: true },
        { at: 'dot', every: 3, delayMs: 400 },
      ]);
      const hanging = new Load(stage.door, { name: 'never', messages: 4, domain: 'never.example' });
      await hanging.finished;
      const load = new Load(stage.door, { messages, perSecond: 40 });
      await load.begun(50);

      let longestMs = 0;
      for (let turn = 0; turn <= rounds; turn += 1) {
        const program = stage.of(roles[turn % roles.length] ?? 'gateway')[
          Math.floor(turn / roles.length) % 2
        ];
        if (program === undefined) throw new Error('two of each are there');
        longestMs = Math.max(longestMs, await terminate(program));
        await program.restart();
      }
      await load.finished;
      await stage.sink.release();
      await allEnded(stage);

      const told = [...hanging.told, ...load.told];
      const judgement = await expectKept(stage, told);
      expect(judgement.tries).toBe(judgement.deliveries);
      // an answer that is a replay means that the first one did not arrive: its connection was torn
      expect(told.filter(({ answers }) => answers.some((a) => a.kind === 'accepted' && a.isReplay))).toEqual(
        [],
      );
      // nor was anything sent for a client that was never answered and gave up
      const sent = new Set((await stage.sink.mails()).map((mail) => mail.headers['x-marker']?.[0]));
      expect(told.filter((t) => !isAccepted(t) && sent.has(t.marker))).toEqual([]);
      figure('rolling restart', judgement, {
        troubles: load.troubles.length,
        'longest exit': secondsSince(0, longestMs),
      });
    },
    timeLimit(120),
  );
});
