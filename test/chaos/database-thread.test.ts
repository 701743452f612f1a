// The thread of the database ends under load. Only a new process has a database again, so the
// program exits and a supervisor starts it again.

import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { dispatchLimits } from '../../services/core/limits/dispatch.ts';
import { runningLimits } from '../../services/core/limits/running.ts';
import { Load } from './load.ts';
import { allEnded, expectKept, messages, openEmbedded, timeLimit } from './stage.ts';

const fixture = fileURLToPath(new URL('end-database-thread.fixture.ts', import.meta.url));

test(
  'a program without the thread of its database exits with code 1, and has everything after a restart',
  async () => {
    await using stage = await openEmbedded({ more: { NODE_OPTIONS: `--import=${fixture}` } });
    const { program } = stage;
    const load = new Load(stage.door, { messages: messages / 2, perSecond: 80 });
    await load.begun(messages / 4);
    process.kill(program.pid ?? 0, 'SIGUSR2');
    await vi.waitFor(() => expect(program.pid).toBeUndefined(), {
      timeout: runningLimits.shutdownGraceMs,
      interval: 20,
    });
    expect(await program.stop()).toBe(1);
    expect(program.output()).toContain('a part that it cannot replace has failed');
    await program.restart();
    await load.finished;
    await allEnded(stage);
    await expectKept(stage, load.told, dispatchLimits.deliveriesInFlightMax);
  },
  timeLimit(60),
);
